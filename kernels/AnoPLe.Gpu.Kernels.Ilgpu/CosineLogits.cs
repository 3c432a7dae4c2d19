using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row of x; its length and its product with the difference of the prompts are summed in one walk.</summary>
internal sealed class CosineLogits(IlgpuBackend backend) : Ops.CosineLogits(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View logits, View x, View text, ArrayView<int> classes, int R, int C, float tau);

    private delegate void LaunchBackwardInput(AcceleratorStream stream, KernelConfig config, View dx, View dlogits, View x, View text, ArrayView<int> classes,
        int R, int C, float tau);

    private delegate void LaunchWeights(AcceleratorStream stream, KernelConfig config, View weights, View dlogits, View x, int C, float tau);

    private delegate void LaunchBackwardText(AcceleratorStream stream, KernelConfig config, View dtext, View sums, ArrayView<int> classes, int samples,
        RowSumShape shape);

    private Launch? forward;
    private LaunchBackwardInput? backwardInput;
    private LaunchWeights? weigh;
    private WeightedRowSums.Launch? sumChunks;
    private LaunchBackwardText? backwardText;
    private MemoryBuffer1D<float, Stride1D.Dense>? rowWeights, chunkSums;

    protected override void ForwardCore(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        forward ??= backend.Load<Launch>(nameof(CosineLogits), ForwardKernel);
        forward(backend.Stream, (x.Rows, RowGroup.Threads), logits.View(backend), x.View(backend), text.View(backend), classes.Indices(backend),
            x.Rows / classes.Count, x.Width, tau);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        backwardInput ??= backend.Load<LaunchBackwardInput>(nameof(CosineLogits), BackwardInputKernel);
        backwardInput(backend.Stream, (x.Rows, RowGroup.Threads), dx.View(backend), dlogits.View(backend), x.View(backend), text.View(backend),
            classes.Indices(backend), x.Rows / classes.Count, x.Width, tau);
    }

    protected override void BackwardTextCore(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau)
    {
        int samples = classes.Count, C = x.Width;
        var shape = WeightedRowSums.Shape(x.Rows / samples, C);
        var weights = backend.Scratch(ref rowWeights, "cosine row weights", x.Rows);
        var sums = backend.Scratch(ref chunkSums, "cosine sums of rows", samples * shape.Chunks * C);
        weigh ??= backend.Load<LaunchWeights>(nameof(CosineLogits), WeightsKernel);
        weigh(backend.Stream, (x.Rows, RowGroup.Threads), weights, dlogits.View(backend), x.View(backend), C, tau);
        sumChunks ??= backend.Load<WeightedRowSums.Launch>(nameof(CosineLogits), WeightedRowSums.ChunksKernel);
        sumChunks(backend.Stream, WeightedRowSums.Config(samples, shape), sums, weights, x.View(backend), shape);
        backwardText ??= backend.Load<LaunchBackwardText>(nameof(CosineLogits), BackwardTextKernel);
        var config = new KernelConfig(new Index2D(dtext.Shape[0] / 2, TileChoice.Tiles(RowGroup.Threads, C)), new Index2D(RowGroup.Threads, 1));
        backwardText(backend.Stream, config, dtext.View(backend), sums, classes.Indices(backend), samples, shape);
    }

    // R: rows per sample.
    [Kernel]
    private static void ForwardKernel(View logits, View x, View text, ArrayView<int> classes, int R, int C, float tau)
    {
        var squares = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var dots = squares.SubView(RowGroup.Quads);
        int row = Grid.IdxX, x0 = row * C;
        int normal = 2 * classes[row / R] * C, abnormal = normal + C;
        float square = 0f, dot = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float value = x[x0 + c];
            square += value * value;
            dot += value * (text[abnormal + c] - text[normal + c]);
        }
        float length = XMath.Sqrt(RowGroup.Sum(squares, square) + Ops.L2Normalize.Epsilon);
        float total = RowGroup.Sum(dots, dot);
        if (Group.IdxX == 0)
            logits[row] = tau * (total / length);
    }

    // dx += tau dlogit r (d - unit(x) (unit(x) . d)) with d = w_abnormal - w_normal and r = 1 / |x|.
    [Kernel]
    private static void BackwardInputKernel(View dx, View dlogits, View x, View text, ArrayView<int> classes, int R, int C, float tau)
    {
        var squares = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var dots = squares.SubView(RowGroup.Quads);
        int row = Grid.IdxX, x0 = row * C;
        int normal = 2 * classes[row / R] * C, abnormal = normal + C;
        float square = 0f, dot = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float value = x[x0 + c];
            square += value * value;
            dot += value * (text[abnormal + c] - text[normal + c]);
        }
        float r = 1f / XMath.Sqrt(RowGroup.Sum(squares, square) + Ops.L2Normalize.Epsilon);
        float along = r * (r * RowGroup.Sum(dots, dot)), factor = tau * dlogits[row] * r;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            dx[x0 + c] += factor * ((text[abnormal + c] - text[normal + c]) - along * x[x0 + c]);
    }

    // weights[row] = tau dlogit / |x|, by which rows are summed.
    [Kernel]
    private static void WeightsKernel(View weights, View dlogits, View x, int C, float tau)
    {
        var squares = SharedMemory.Allocate<F4>(RowGroup.Quads);
        int row = Grid.IdxX, x0 = row * C;
        float square = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            square += x[x0 + c] * x[x0 + c];
        float length = XMath.Sqrt(RowGroup.Sum(squares, square) + Ops.L2Normalize.Epsilon);
        if (Group.IdxX == 0)
            weights[row] = tau * dlogits[row] / length;
    }

    // One thread per class and column; it takes the chunks of the class's samples in their order.
    [Kernel]
    private static void BackwardTextKernel(View dtext, View sums, ArrayView<int> classes, int samples, RowSumShape shape)
    {
        int k = Grid.IdxX, c = Grid.IdxY * RowGroup.Threads + Group.IdxX, C = shape.C;
        if (c >= C)
            return;
        float total = 0f;
        for (int n = 0; n < samples; n++)
            if (classes[n] == k)
                for (int chunk = n * shape.Chunks; chunk < (n + 1) * shape.Chunks; chunk++)
                    total += sums[chunk * C + c];
        int normal = 2 * k * C + c;
        dtext[normal] -= total;
        dtext[normal + C] += total;
    }
}
