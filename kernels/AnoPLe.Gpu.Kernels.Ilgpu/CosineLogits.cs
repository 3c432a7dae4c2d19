using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row of x; its length and its product with the difference of the prompts are summed in one walk.</summary>
internal sealed class CosineLogits(IlgpuBackend backend) : Ops.CosineLogits(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View logits, View x, View text, ArrayView<int> classes, int R, int C, float tau);

    private Launch? forward;

    protected override void ForwardCore(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        forward ??= backend.Load<Launch>(nameof(CosineLogits), ForwardKernel);
        forward(backend.Stream, (x.Rows, RowGroup.Threads), logits.View(backend), x.View(backend), text.View(backend), classes.Indices(backend),
            x.Rows / classes.Count, x.Width, tau);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau) => throw new NotSupportedException("not there yet");

    protected override void BackwardTextCore(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau) => throw new NotSupportedException("not there yet");

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
}
