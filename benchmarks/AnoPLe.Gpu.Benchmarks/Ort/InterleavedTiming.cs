using System.Diagnostics;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>Two sides in turn, A B, B A, A B …: whatever else the machine does meets both alike.</summary>
internal static class InterleavedTiming
{
    // Longer than either side's threads spin for more work: nobody computes beside the other's spinning threads.
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(20);

    /// <summary>Median seconds of each side.</summary>
    public static (double First, double Second) Medians(Action first, Action second, int runs, CancellationToken cancellation)
    {
        double[] a = new double[runs], b = new double[runs];
        for (int run = 0; run < runs; run++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (run % 2 == 0)
                (a[run], b[run]) = (Seconds(first), Seconds(second));
            else
                (b[run], a[run]) = (Seconds(second), Seconds(first));
        }
        return (Median(a), Median(b));
    }

    private static double Seconds(Action action)
    {
        Thread.Sleep(Rest);
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>The middle value, or the mean of the middle two. Sorts the array.</summary>
    public static double Median(double[] values)
    {
        Array.Sort(values);
        int middle = values.Length / 2;
        return values.Length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}
