namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Scratch memory, one block per thread. It grows to the largest request and is then reused: a steady state allocates nothing.</summary>
internal sealed unsafe class Workspace(int threads) : IDisposable
{
    private readonly AlignedMemory?[] blocks = new AlignedMemory?[threads];
    private long size;

    /// <summary>Makes every block at least this long. Contents are lost when it grows.</summary>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    public void Reserve(long floats)
    {
        if (floats <= size)
            return;
        Dispose();
        for (int i = 0; i < blocks.Length; i++)
            blocks[i] = new AlignedMemory("workspace", floats);
        size = floats;
    }

    /// <summary>The block of one thread; null while nothing was ever reserved.</summary>
    public float* Of(int worker) => blocks[worker] is { } block ? block.Pointer : null;

    /// <summary>The first thread's block as so many doubles, for sums that tasks leave to their caller.</summary>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    public double* Doubles(long count)
    {
        Reserve(2 * count);
        return (double*)Of(0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        size = 0;
        foreach (var block in blocks)
            block?.Dispose();
    }
}
