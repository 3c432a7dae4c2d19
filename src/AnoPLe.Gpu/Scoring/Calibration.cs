namespace AnoPLe.Gpu.Scoring;

/// <summary>Where the threshold between normal and anomalous comes from.</summary>
/// <param name="Threshold">Scores above it are anomalous.</param>
/// <param name="Source">"normal images", or "given" when the caller set it.</param>
/// <param name="NormalScores">Scores of normal images that the bank had not seen; empty when the threshold was given.</param>
public sealed record Calibration(float Threshold, string Source, IReadOnlyList<float> NormalScores)
{
    /// <summary>A threshold that the caller chose.</summary>
    internal static Calibration Given(float threshold) => new(threshold, "given", []);

    /// <summary>
    /// The mean of the normal scores plus three standard deviations, the deviation taken as at least a tenth of the mean: a handful of
    /// scores understates the spread. There is nothing anomalous to learn from, so this bounds false alarms and not misses;
    /// whoever has labelled images should set the threshold from them.
    /// </summary>
    internal static Calibration FromNormal(IReadOnlyList<float> scores)
    {
        double mean = scores.Average(), variance = scores.Average(s => (s - mean) * (s - mean));
        double deviation = Math.Max(Math.Sqrt(variance), 0.1 * mean);
        return new((float)(mean + 3 * deviation), "normal images", scores);
    }
}
