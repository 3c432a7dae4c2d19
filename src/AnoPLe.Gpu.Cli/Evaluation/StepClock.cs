using System.Diagnostics;
using System.Globalization;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>Measures optimiser steps by the progress they report. The first one is left out: it also takes memory and compiles kernels.</summary>
internal sealed class StepClock
{
    private long first, last;
    private int intervals = -1;

    /// <summary>Seconds per step; NaN for fewer than two steps.</summary>
    public double SecondsPerStep => intervals < 1 ? double.NaN : Stopwatch.GetElapsedTime(first, last).TotalSeconds / intervals;

    /// <summary>A progress that measures and hands on.</summary>
    /// <param name="progress">What is told, or null.</param>
    /// <param name="prefix">What comes before the stage's name.</param>
    public IProgress<WorkProgress> Before(IProgress<WorkProgress>? progress, string prefix = "") => new Measured(this, progress, prefix);

    /// <summary>For the end of a sentence: "; 0.250 s per step", or nothing.</summary>
    public override string ToString() => intervals < 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {SecondsPerStep:F3} s per step");

    private sealed class Measured(StepClock clock, IProgress<WorkProgress>? progress, string prefix) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Losses is not null)
            {
                clock.last = Stopwatch.GetTimestamp();
                if (++clock.intervals == 0)
                    clock.first = clock.last;
            }
            progress?.Report(value with { Stage = prefix + value.Stage });
        }
    }
}

/// <summary>The mean losses of an epoch, for machines: their weighted sum, then the unweighted terms.</summary>
internal sealed record LossJson(double Total, double Dice, double Focal, double Image, double Alignment)
{
    /// <summary>Of every epoch.</summary>
    public static IReadOnlyList<LossJson> Of(IReadOnlyList<StepLosses> losses) =>
        [.. losses.Select(loss => new LossJson(loss.Total, loss.Dice, loss.Focal, loss.Image, loss.Alignment))];
}
