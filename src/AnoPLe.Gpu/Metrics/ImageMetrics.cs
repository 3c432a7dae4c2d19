namespace AnoPLe.Gpu.Metrics;

/// <summary>How well image scores tell anomalous images from normal ones. NaN marks what is undefined for the given labels.</summary>
/// <param name="Images">Number of images.</param>
/// <param name="Anomalous">How many of them are anomalous.</param>
/// <param name="Auroc">See <see cref="Metrics.Auroc"/>.</param>
/// <param name="AveragePrecision">See <see cref="Metrics.AveragePrecision"/>.</param>
/// <param name="F1Max">See <see cref="Metrics.F1Max"/>.</param>
public sealed record ImageMetrics(int Images, int Anomalous, double Auroc, double AveragePrecision, F1Max F1Max)
{
    /// <summary>All image metrics from one sort.</summary>
    /// <param name="scores">(N) higher means more anomalous; infinities are allowed.</param>
    /// <param name="labels">(N) true where the image is anomalous.</param>
    /// <exception cref="ArgumentException">Lengths differ, or a score is NaN.</exception>
    public static ImageMetrics Compute(ReadOnlySpan<float> scores, ReadOnlySpan<bool> labels)
    {
        int anomalous = ThresholdSweep.Positives(labels);
        RankingSweep sweep = new(anomalous);
        ThresholdSweep.Run(ref sweep, scores, labels);
        return new(scores.Length, anomalous, sweep.Auroc.Result, sweep.AveragePrecision.Result, sweep.F1Max.Result);
    }
}

/// <summary>AUROC, average precision and F1-max in one walk.</summary>
internal struct RankingSweep(long positives) : ISweepMetric
{
    public Auroc.Sweep Auroc;
    public AveragePrecision.Sweep AveragePrecision;
    public F1Max.Sweep F1Max = new(positives);

    public void Step(float score, long truePositives, long falsePositives)
    {
        Auroc.Step(score, truePositives, falsePositives);
        AveragePrecision.Step(score, truePositives, falsePositives);
        F1Max.Step(score, truePositives, falsePositives);
    }
}
