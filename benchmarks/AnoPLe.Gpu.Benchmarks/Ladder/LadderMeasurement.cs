using System.Diagnostics;
using System.Globalization;
using AnoPLe.Gpu.Benchmarks.Ort;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>Checks and times rungs on one problem, one after the other. Remembers times, for the factors, and the peak by number of threads.</summary>
internal sealed class LadderMeasurement(LadderProblem problem, LadderReference reference, double seconds)
{
    private const int FewestRuns = 3, MostRuns = 10_000;

    private readonly Dictionary<(string Id, int Threads), double> times = [];
    private readonly Dictionary<int, double> peaks = [];

    /// <summary>A line about the peak; nothing when nothing is measured.</summary>
    public string PeakText(int[] threads) => seconds == 0 ? "" : 
        $"peak: {string.Join(", ", threads.Prepend(1).Distinct().Select(PeakText))}\n";

    /// <summary>Runs a rung once and compares, then times it. The second value says what is wrong with the result, or is null.</summary>
    public (LadderLine Line, string? Fault) Measure(LadderRung rung, int threads)
    {
        using var work = rung.Create(problem, threads);
        problem.Spoil();
        work.Run();
        work.Deliver();
        var error = reference.Compare();
        string? fault = Fault(rung, error);

        double? time = null, before = null;
        int runs = 0;
        if (seconds > 0)
        {
            (time, runs) = Median(work);
            times[(rung.Id, threads)] = time.Value;
            before = TimeOf(rung.Over, threads);
        }
        double? peak = seconds > 0 ? Peak(threads) : null, rate = problem.Flop / time;
        return (new(rung.Id, rung.Name, threads, problem.M, problem.N, problem.K, Round(time * 1e3, 4), Round(rate * 1e-9, 2), Round(peak * 1e-9, 2),
            Round(rate / peak, 4), rung.Over, Round(before / time, 3), error.MaxError, reference.Allowed, rung.IsShipped, runs, Machine.Cpu,
            Machine.Runtime, Machine.Now), fault);
    }

    private string PeakText(int threads) =>
        string.Create(CultureInfo.InvariantCulture, $"{Peak(threads) * 1e-9:f1} GFLOP/s on {threads} thread{(threads == 1 ? "" : "s")}");

    private string? Fault(LadderRung rung, LadderError error)
    {
        if (!(error.MaxError <= reference.Allowed))
            return string.Create(CultureInfo.InvariantCulture,
                $"Rung {rung.Id} ({rung.Name}) is wrong: C[{error.Row}, {error.Column}] is {error.Got:g9}, expected {error.Expected:g9}; " +
                $"the difference {error.MaxError:g3} is more than rounding explains, {reference.Allowed:g3}.");
        return problem.NothingAfterC ? null : $"Rung {rung.Id} ({rung.Name}) is wrong: it wrote beyond the last row of C.";
    }

    /// <summary>With the same number of threads, or with one, of a rung that has none.</summary>
    private double? TimeOf(string? id, int threads) =>
        id is null ? null : times.TryGetValue((id, threads), out double time) || times.TryGetValue((id, 1), out time) ? time : null;

    private double Peak(int threads)
    {
        if (!peaks.TryGetValue(threads, out double peak))
            peaks[threads] = peak = PeakRate.Measure(threads, Math.Max(0.05, seconds));
        return peak;
    }

    private (double Seconds, int Runs) Median(IRung work)
    {
        // The first call has compiled what is ours. What comes from libraries reaches the JIT's last tier after some more.
        for (long warm = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(warm).TotalSeconds < 0.2 * seconds;)
            work.Run();
        Thread.Sleep(InterleavedTiming.Rest);
        List<double> durations = [];
        for (double total = 0; durations.Count < FewestRuns || (total < seconds && durations.Count < MostRuns); total += durations[^1])
        {
            long start = Stopwatch.GetTimestamp();
            work.Run();
            durations.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        durations.Sort();
        int middle = durations.Count / 2;
        return (durations.Count % 2 == 1 ? durations[middle] : (durations[middle - 1] + durations[middle]) / 2, durations.Count);
    }

    private static double? Round(double? value, int digits) => value is { } v ? Math.Round(v, digits) : null;
}
