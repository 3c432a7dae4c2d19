using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>What the processor can do at best: multiply-adds on the widest vectors, in registers, without any load.</summary>
internal static class PeakRate
{
    private const int Trials = 5, Steps = 1 << 16;

    /// <summary>FLOP/s of so many threads at once, each on its own sums: the best of a few trials, which share the given time.</summary>
    public static double Measure(int threads, double seconds) => Enumerable.Range(0, Trials).Max(_ => Trial(threads, seconds / Trials));

    private static double Trial(int threads, double seconds)
    {
        var rates = new double[threads];
        using var start = new Barrier(threads);
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(i => new Thread(() =>
        {
            start.SignalAndWait();
            rates[i] = InstructionSet.Bits switch
            {
                512 => OneThread<Vector512<float>, Simd512>(seconds),
                256 => OneThread<Vector256<float>, Simd256>(seconds),
                128 => OneThread<Vector128<float>, Simd128>(seconds),
                _ => OneThread<float, SimdScalar>(seconds),
            };
        }))];
        foreach (var worker in workers)
            worker.Start();
        foreach (var worker in workers)
            worker.Join();
        return rates.Sum();
    }

    private static double OneThread<V, O>(double seconds)
        where V : unmanaged
        where O : struct, ISimd<V>
    {
        double flop = 0;
        long begin = Stopwatch.GetTimestamp();
        double elapsed;
        do
        {
            sink = MultiplyAdds<V, O>(Steps);
            flop += 2.0 * 12 * O.N * Steps;
            elapsed = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        }
        while (elapsed < seconds);
        return flop / elapsed;
    }

    [ThreadStatic]
    private static float sink; // keeps the sums alive

    /// <summary>Twelve sums, because a multiply-add takes four cycles or so and processors begin one or two a cycle.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float MultiplyAdds<V, O>(int steps)
        where V : unmanaged
        where O : struct, ISimd<V>
    {
        V a = O.Broadcast(0.5f), b = O.Broadcast(1f); // every sum approaches 2: no overflow, no denormals
        V c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a, c6 = a, c7 = a, c8 = a, c9 = a, c10 = a, c11 = a;
        for (; steps > 0; steps--)
        {
            c0 = O.MultiplyAdd(c0, a, b); c1 = O.MultiplyAdd(c1, a, b); c2 = O.MultiplyAdd(c2, a, b);
            c3 = O.MultiplyAdd(c3, a, b); c4 = O.MultiplyAdd(c4, a, b); c5 = O.MultiplyAdd(c5, a, b);
            c6 = O.MultiplyAdd(c6, a, b); c7 = O.MultiplyAdd(c7, a, b); c8 = O.MultiplyAdd(c8, a, b);
            c9 = O.MultiplyAdd(c9, a, b); c10 = O.MultiplyAdd(c10, a, b); c11 = O.MultiplyAdd(c11, a, b);
        }
        V left = O.Add(O.Add(O.Add(c0, c1), O.Add(c2, c3)), O.Add(c4, c5));
        return O.Sum(O.Add(left, O.Add(O.Add(O.Add(c6, c7), O.Add(c8, c9)), O.Add(c10, c11))));
    }
}
