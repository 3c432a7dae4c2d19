namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// A job over chunks of samples. Where a sample is cut depends on its length alone, so sums of chunks, added up in their order, do not
/// depend on the number of threads.
/// </summary>
internal abstract class SampleChunksJob : RowsJob
{
    private const int Longest = 4096;

    private int length;

    /// <summary>Chunks of a sample.</summary>
    public int PerSample { get; private set; }

    /// <summary>Takes the sizes of one call.</summary>
    public void SetSamples(int count, int sampleLength, int threads)
    {
        length = sampleLength;
        PerSample = (sampleLength + Longest - 1) / Longest;
        SetRows(count * PerSample, Math.Min(sampleLength, Longest), threads);
    }

    /// <inheritdoc/>
    protected sealed override void Row(int row, int worker)
    {
        int sample = row / PerSample, first = (row - sample * PerSample) * Longest;
        Chunk(row, sample, (nint)sample * length + first, Math.Min(Longest, length - first));
    }

    /// <summary>Computes count elements from start on; chunk counts through all samples.</summary>
    protected abstract void Chunk(int chunk, int sample, nint start, int count);
}
