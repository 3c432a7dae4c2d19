namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Row copies. Indices are checked: here it costs nothing, and a bad one would read foreign memory.</summary>
internal sealed unsafe class RowGather(CpuBackend backend) : Ops.RowGather(backend)
{
    private readonly ForwardJob forward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor rows)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.Rows = rows.Indices(x.Rows);
        forward.SetRows(y.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x, rows);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor rows) => throw new NotSupportedException("not there yet");

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X;
        public int* Rows;

        protected override void Row(int row, int worker) =>
            new ReadOnlySpan<float>(X + (nint)Rows[row] * Width, Width).CopyTo(new Span<float>(Y + (nint)row * Width, Width));
    }
}
