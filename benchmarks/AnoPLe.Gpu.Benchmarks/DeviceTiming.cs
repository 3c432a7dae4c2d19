using System.Diagnostics;
using AnoPLe.Gpu.Benchmarks.Ort;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>Times of what a device is given without waiting for each call.</summary>
internal static class DeviceTiming
{
    /// <summary>Median seconds of a call. The device waits for the host only once in so many launches: what is timed is the kernel.</summary>
    /// <param name="backend">The device.</param>
    /// <param name="run">Enqueues the work once.</param>
    /// <param name="launches">Calls between two synchronisations.</param>
    /// <param name="fewest">Measurements at least.</param>
    /// <param name="seconds">Measure for so long.</param>
    public static double Median(Backend backend, Action run, int launches, int fewest, double seconds)
    {
        List<double> times = [];
        for (long end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency); times.Count < fewest || Stopwatch.GetTimestamp() < end;)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < launches; i++)
                run();
            backend.Synchronize();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / launches);
        }
        return InterleavedTiming.Median([.. times]);
    }
}
