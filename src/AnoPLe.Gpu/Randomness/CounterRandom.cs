namespace AnoPLe.Gpu.Randomness;

/// <summary>
/// Random numbers that depend on nothing but (seed, stream, position): the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014) over a Weyl sequence. The same on every machine and runtime.
/// </summary>
internal struct CounterRandom(ulong seed, ulong stream)
{
    private const ulong Weyl = 0x9E3779B97F4A7C15;
    private readonly ulong start = Mix(seed ^ Mix(stream + Weyl));
    private ulong position;

    /// <summary>The next 64 bits.</summary>
    public ulong Next() => Mix(start + Weyl * ++position);

    /// <summary>The next whole number in [0, limit), without bias: products that would favour low numbers are drawn again (Lemire, 2019).</summary>
    public int Below(int limit)
    {
        ulong bound = (ulong)limit;
        while (true)
        {
            ulong high = Math.BigMul(Next(), bound, out ulong low);
            if (low >= bound || low >= unchecked(0 - bound) % bound)
                return (int)high;
        }
    }

    /// <summary>The next whole number in [low, high], both included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    /// <summary>The next real number in [low, high).</summary>
    public double Real(double low, double high) => low + (high - low) * ((Next() >> 11) * (1.0 / (1UL << 53)));

    /// <summary>One number for a seed and an ordered list of numbers, such as (pass, image, view): a seed or a stream of its own for each.</summary>
    public static ulong Key(ulong seed, params ReadOnlySpan<int> parts)
    {
        // Mixed before every addition: parts that are combined unmixed, or mixed alike, could cancel out.
        ulong key = Mix(seed + Weyl);
        foreach (int part in parts)
            key = Mix(key + (uint)part + Weyl);
        return key;
    }

    /// <summary>A well-mixed function of 64 bits.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
