using System.Diagnostics;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>Two sides in turn, A B, B A, A B …: whatever else the machine does meets both alike.</summary>
internal static class InterleavedTiming
{
    /// <summary>Before every measurement beside another library.</summary>
    // Longer than either side's threads spin for more work, or one would compute beside the other's spinning threads. ONNX Runtime's spin for more
    // than 20 ms: with a rest of 20 ms, two of our threads shared two cores with one of its, and looked up to a quarter slower than they are.
    public static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

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
