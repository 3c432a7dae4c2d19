using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Two values of every element, to be summed.</summary>
internal interface ITerms<V>
    where V : unmanaged
{
    /// <summary>The values of the elements from i on, a vector of them; up to a vector past the last element may be asked for.</summary>
    void At(int i, out V first, out V second);
}

/// <summary>Sums over a chunk of a sample, in one order: lanes over 32 vectors, because more would cost digits in float, then double.</summary>
internal static unsafe class ChunkSums<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>The sums of both terms of elements 0 .. count - 1.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double First, double Second) Of<F>(F terms, int count)
        where F : struct, ITerms<V>
    {
        double first = 0, second = 0;
        int whole = count / O.N * O.N, i = 0;
        while (i < whole)
        {
            V a = default, b = default;
            for (int end = Math.Min(whole, i + 32 * O.N); i < end; i += O.N)
            {
                terms.At(i, out V x, out V y);
                a = O.Add(a, x);
                b = O.Add(b, y);
            }
            first += O.Sum(a);
            second += O.Sum(b);
        }
        if (whole == count)
            return (first, second);
        float* lanes = stackalloc float[2 * O.N];
        terms.At(whole, out V lastX, out V lastY);
        O.Store(lastX, lanes);
        O.Store(lastY, lanes + O.N);
        for (i = 0; i < count - whole; i++)
        {
            first += lanes[i];
            second += lanes[O.N + i];
        }
        return (first, second);
    }
}
