namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Counts the threads of this process that compute, over all pools. A caller always computes; a worker helps only while there is a
/// processor for it. So several backends that are used at once share the processors instead of pushing each other off them.
/// </summary>
internal static class ComputingThreads
{
    private static int count;

    /// <summary>Whether a worker would be let in now.</summary>
    public static bool HasRoom(int limit) => Volatile.Read(ref count) < limit;

    /// <summary>Whether more threads compute than should: a caller came while workers were busy.</summary>
    public static bool IsCrowded(int limit) => Volatile.Read(ref count) > limit;

    /// <summary>A caller begins to compute.</summary>
    public static void Enter() => Interlocked.Increment(ref count);

    /// <summary>A worker begins to compute, unless <paramref name="limit"/> threads already do.</summary>
    public static bool TryEnter(int limit)
    {
        for (int now = Volatile.Read(ref count); now < limit; now = Volatile.Read(ref count))
            if (Interlocked.CompareExchange(ref count, now + 1, now) == now)
                return true;
        return false;
    }

    /// <summary>A caller or worker that had entered has finished.</summary>
    public static void Leave() => Interlocked.Decrement(ref count);
}
