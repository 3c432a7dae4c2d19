using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per token; backward, sums over the tokens of a view in two stages, see <see cref="ColumnSums"/>.</summary>
internal sealed class ViewSignal(IlgpuBackend backend) : Ops.ViewSignal(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, View signal, int P, int V, int C);

    private delegate void LaunchPartial(AcceleratorStream stream, KernelConfig config, View partial, View dy, int P, int V, RowChunks cut);

    private readonly ColumnSums totals = new(backend);
    private Launch? forward;
    private LaunchPartial? partialSums;
    private MemoryBuffer1D<float, Stride1D.Dense>? partialRows;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor signal)
    {
        forward ??= backend.Load<Launch>(nameof(ViewSignal), ForwardKernel);
        forward(backend.Stream, (x.Rows, RowGroup.Threads), y.View(backend), x.View(backend), signal.View(backend), x.Shape[1], signal.Shape[0], x.Width);
    }

    protected override void BackwardParametersCore(Tensor dsignal, Tensor dy)
    {
        int V = dsignal.Shape[0];
        var cut = new RowChunks(dy.Rows / V, dy.Width);
        var partial = backend.Scratch(ref partialRows, "partial sums of a view signal's gradient", V * cut.Floats);
        partialSums ??= backend.Load<LaunchPartial>(nameof(ViewSignal), PartialKernel);
        partialSums(backend.Stream, cut.Config(V), partial, dy.View(backend), dy.Shape[1], V, cut);
        totals.Add(dsignal.View(backend), partial, V, cut);
    }

    [Kernel]
    private static void ForwardKernel(View y, View x, View signal, int P, int V, int C)
    {
        int x0 = Grid.IdxX * C, signal0 = Grid.IdxX / P % V * C;      // starts of x[n, i, :] and signal[n mod V, :]
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[x0 + c] = x[x0 + c] + signal[signal0 + c];
    }

    // A thread has one column of a chunk of a view's tokens, which are numbered through over the samples of that view.
    [Kernel]
    private static void PartialKernel(View partial, View dy, int P, int V, RowChunks cut)
    {
        int C = cut.Columns, c = Grid.IdxX * RowGroup.Threads + Group.IdxX, token = Grid.IdxY * cut.ChunkRows, view = Grid.IdxZ;
        int end = XMath.Min(cut.Rows, token + cut.ChunkRows);
        if (c >= C)
            return;
        float sum = 0f;
        for (; token < end; token++)
        {
            int b = token / P, row = (b * V + view) * P + (token - b * P);      // token i of sample b V + v
            sum += dy[row * C + c];
        }
        partial[(view * cut.Chunks + Grid.IdxY) * C + c] = sum;
    }
}
