using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// The first of two stages of a sum over many rows, each times a weight: every chunk of a sample's rows is summed alone. The chunks are the
/// same whatever the number of threads, and whoever adds them up takes them in their order.
/// </summary>
internal abstract unsafe class WeightedRowSumsJob<V, O>(Workspace sums) : RowsJob
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int RowsPerChunk = 128;

    /// <summary>The rows: (samples, rows per sample, C).</summary>
    public float* X;

    private int rowsPerSample;

    /// <summary>Chunks of one sample.</summary>
    public int ChunksPerSample { get; private set; }

    /// <summary>Width of a row.</summary>
    public int C { get; private set; }

    /// <summary>Sums of the chunks, sample after sample: (samples, chunks per sample, C).</summary>
    public float* Sums => sums.Of(0);

    /// <summary>Sums of the chunks' weights: (samples, chunks per sample).</summary>
    public float* Masses { get; private set; }

    /// <summary>Takes the sizes of one call.</summary>
    public void SetSizes(int samples, int rows, int width, int threads)
    {
        (rowsPerSample, C) = (rows, width);
        ChunksPerSample = (rows + RowsPerChunk - 1) / RowsPerChunk;
        int chunks = samples * ChunksPerSample;
        sums.Reserve((long)chunks * (width + 1));
        Masses = sums.Of(0) + (nint)chunks * width;
        SetRows(chunks, Math.Min(rows, RowsPerChunk) * width, threads);
    }

    /// <summary>The weight of a row, which stands at x.</summary>
    protected abstract float Weight(int row, float* x);

    /// <summary>Sums one chunk.</summary>
    protected sealed override void Row(int chunk, int worker)
    {
        int sample = chunk / ChunksPerSample, first = chunk % ChunksPerSample * RowsPerChunk;
        int row = sample * rowsPerSample + first, end = row + Math.Min(RowsPerChunk, rowsPerSample - first);
        float* sum = Sums + (nint)chunk * C;
        float mass = 0;
        new Span<float>(sum, C).Clear();
        for (; row < end; row++)
        {
            float* x = X + (nint)row * C;
            float weight = Weight(row, x);
            AddRows<V, O>.Scaled(sum, weight, x, C);
            mass += weight;
        }
        Masses[chunk] = mass;
    }
}
