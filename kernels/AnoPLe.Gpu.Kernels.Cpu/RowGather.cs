using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Row copies and sums. Indices are checked: here it costs nothing, and a bad one would reach foreign memory.</summary>
internal sealed unsafe class RowGather<V, O>(CpuBackend backend) : Ops.RowGather(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();

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
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor rows)
    {
        backwardInput.DX = dx.Floats();
        backwardInput.DY = dy.Floats();
        backwardInput.Rows = rows.Indices(dx.Rows);
        backwardInput.SetRows(dy.Rows, dy.Width, backend.Threads);
        backend.Run(backwardInput, dx, dy, rows);
    }

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X;
        public int* Rows;

        protected override void Row(int row, int worker) =>
            new ReadOnlySpan<float>(X + (nint)Rows[row] * Width, Width).CopyTo(new Span<float>(Y + (nint)row * Width, Width));
    }

    /// <summary>The indices are distinct, so no two tasks write the same row.</summary>
    private sealed class BackwardInputJob : RowsJob
    {
        public float* DX, DY;
        public int* Rows;

        protected override void Row(int row, int worker) => AddRows<V, O>.Add(DX + (nint)Rows[row] * Width, DY + (nint)row * Width, Width);
    }
}
