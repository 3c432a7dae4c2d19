using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>First stage of the column sums of x (R, N): a task sums one chunk of rows. The second is <see cref="ColumnSums{V, O}.TotalJob"/>.</summary>
internal sealed unsafe class ColumnSumsJob<V, O> : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private float* x;
    private int R, N;

    /// <summary>The partial rows: one for each chunk, <see cref="ColumnSums{V, O}.Stride"/> apart.</summary>
    public float* Sums { get; set; }

    /// <summary>Takes the arguments of one call.</summary>
    public void Set(float* rows, int count, int width)
    {
        x = rows;
        (R, N) = (count, width);
        Tasks = ColumnSums<V, O>.Chunks(R);
    }

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int row = task * ColumnSums<V, O>.ChunkRows, rows = Math.Min(ColumnSums<V, O>.ChunkRows, R - row);
        ColumnSums<V, O>.Partial(Sums + (nint)task * ColumnSums<V, O>.Stride(N), x + (nint)row * N, rows, N);
    }
}
