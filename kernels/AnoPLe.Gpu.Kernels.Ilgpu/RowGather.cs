namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row of y.</summary>
internal sealed class RowGather(IlgpuBackend backend) : Ops.RowGather(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, ArrayView<int> rows, int C);

    private Launch? forward;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor rows)
    {
        forward ??= backend.Load<Launch>(nameof(RowGather), ForwardKernel);
        forward(backend.Stream, (y.Rows, RowGroup.Threads), y.View(backend), x.View(backend), rows.Indices(backend), y.Width);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor rows) => throw new NotSupportedException("not there yet");

    [Kernel]
    private static void ForwardKernel(View y, View x, ArrayView<int> rows, int C)
    {
        int y0 = Grid.IdxX * C, x0 = rows[Grid.IdxX] * C;      // starts of y[r, :] and x[rows[r], :]
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[y0 + c] = x[x0 + c];
    }
}
