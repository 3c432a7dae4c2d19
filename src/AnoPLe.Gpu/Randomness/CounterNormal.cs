using System.Runtime.Intrinsics;
using System.Text;

namespace AnoPLe.Gpu.Randomness;

/// <summary>
/// Normal random numbers by position: element i of a named stream depends on the seed, the name and i alone, so neither threads nor the
/// order of reading change it. Only integer operations, one exact division by 2^16 and one float product are used, so every platform
/// gives the same bits (sine, cosine and logarithm would not).
/// </summary>
/// <remarks>
/// Three outputs of SplitMix64 (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195) at counters 3i, 3i+1, 3i+2 give twelve uniform
/// 16-bit numbers. Their sum, less its mean 12 * 65535 / 2 and over 2^16, has variance 1 - 2^-32 and is close to normal by the central
/// limit theorem: excess kurtosis -0.1, no value beyond 6. That is more than an initialisation needs.
/// </remarks>
internal static class CounterNormal
{
    // SplitMix64's odd increment, 2^64 over the golden ratio, and three times that modulo 2^64.
    private const ulong Increment = 0x9E3779B97F4A7C15;
    private const ulong TripleIncrement = unchecked(3 * Increment);
    private const ulong Halves = 0x0000FFFF_0000FFFF;
    private const int Mean = 6 * 65535;

    /// <summary>The stream of this name under a seed.</summary>
    public static ulong Key(ulong seed, string name)
    {
        // FNV-1a, 64 bits.
        ulong hash = 0xCBF29CE484222325;
        foreach (byte b in Encoding.UTF8.GetBytes(name))
            hash = unchecked((hash ^ b) * 0x100000001B3);
        return Mix(Mix(unchecked(seed + Increment)) ^ hash);
    }

    /// <summary>Elements start, start + 1, ... of a stream, times a standard deviation.</summary>
    public static void Fill(ulong key, long start, float std, Span<float> destination)
    {
        float scale = std / 65536f;
        ulong counter = unchecked(key + (ulong)start * TripleIncrement);
        int i = Vector512.IsHardwareAccelerated ? FillVectors(ref counter, scale, destination) : 0;
        for (; i < destination.Length; i++)
        {
            ulong a = Mix(counter), b = Mix(unchecked(counter + Increment)), c = Mix(unchecked(counter - Increment + TripleIncrement));
            counter = unchecked(counter + TripleIncrement);
            // Two lanes of 32 bits, six 16-bit numbers each: no carry between them.
            ulong lanes = (a & Halves) + ((a >> 16) & Halves) + (b & Halves) + ((b >> 16) & Halves) + (c & Halves) + ((c >> 16) & Halves);
            destination[i] = ((int)(uint)lanes + (int)(lanes >> 32) - Mean) * scale;
        }
    }

    // The same, eight elements at a time; returns how many were filled.
    private static int FillVectors(ref ulong counter, float scale, Span<float> destination)
    {
        Vector512<ulong> counters = Vector512.Create(counter) + Vector512<ulong>.Indices * TripleIncrement, halves = Vector512.Create(Halves);
        int i = 0;
        for (; i <= destination.Length - Vector512<ulong>.Count; i += Vector512<ulong>.Count)
        {
            Vector512<ulong> a = Mix(counters), b = Mix(counters + Vector512.Create(Increment)), c = Mix(counters + Vector512.Create(unchecked(TripleIncrement - Increment)));
            counters += Vector512.Create(unchecked(8 * TripleIncrement));
            Vector512<ulong> lanes = (a & halves) + ((a >> 16) & halves) + (b & halves) + ((b >> 16) & halves) + (c & halves) + ((c >> 16) & halves);
            Vector512<ulong> sums = (lanes & Vector512.Create(0xFFFFFFFFUL)) + (lanes >> 32);
            Vector256<int> centred = Vector512.Narrow(sums, sums).AsInt32().GetLower() - Vector256.Create(Mean);
            (Vector256.ConvertToSingle(centred) * scale).CopyTo(destination[i..]);
        }
        counter = counters[0];
        return i;
    }

    private static Vector512<ulong> Mix(Vector512<ulong> x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static ulong Mix(ulong x)
    {
        unchecked
        {
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            return x ^ (x >> 31);
        }
    }
}
