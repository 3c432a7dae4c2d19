namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row of y.</summary>
internal sealed class RowGather(IlgpuBackend backend) : Ops.RowGather(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, ArrayView<int> rows, int C);

    private Launch? forward, backwardInput;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor rows)
    {
        forward ??= backend.Load<Launch>(nameof(RowGather), ForwardKernel);
        // Pairs of 16 bits are copied as the words that hold them.
        forward(backend.Stream, (y.Rows, RowGroup.Threads), y.View(backend), x.View(backend), rows.Indices(backend), y.Type == ElementType.Half ? y.Width / 2 : y.Width);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor rows)
    {
        backwardInput ??= backend.Load<Launch>(nameof(RowGather), BackwardInputKernel);
        backwardInput(backend.Stream, (dy.Rows, RowGroup.Threads), dx.View(backend), dy.View(backend), rows.Indices(backend), dy.Width);
    }

    [Kernel]
    private static void ForwardKernel(View y, View x, ArrayView<int> rows, int C)
    {
        int y0 = Grid.IdxX * C, x0 = rows[Grid.IdxX] * C;      // starts of y[r, :] and x[rows[r], :]
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[y0 + c] = x[x0 + c];
    }

    // The indices are distinct, so no two groups write the same row.
    [Kernel]
    private static void BackwardInputKernel(View dx, View dy, ArrayView<int> rows, int C)
    {
        int y0 = Grid.IdxX * C, x0 = rows[Grid.IdxX] * C;      // starts of dy[r, :] and dx[rows[r], :]
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            dx[x0 + c] += dy[y0 + c];
    }
}
