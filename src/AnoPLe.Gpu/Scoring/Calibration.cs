namespace AnoPLe.Gpu.Scoring;

/// <summary>Where the threshold between normal and anomalous comes from.</summary>
/// <param name="Threshold">Scores above it are anomalous.</param>
/// <param name="Source">"normal images", or "given" when the caller set it.</param>
/// <param name="NormalScores">Scores of normal images that the bank had not seen; empty when the threshold was given.</param>
public sealed record Calibration(float Threshold, string Source, IReadOnlyList<float> NormalScores)
{
    /// <summary>At most this many normal images are held out in turn: more would cost time and say little more.</summary>
    internal const int MostHeldOut = 16;

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

    /// <summary>Scores every held-out image against the bank of the others.</summary>
    /// <param name="pass">A pass of batch 1.</param>
    /// <param name="layers">Memory layers.</param>
    /// <param name="shots">For every image and layer, its unit rows.</param>
    /// <param name="width">Length of a row.</param>
    /// <param name="smoothSigma">Smoothing of the maps.</param>
    /// <param name="cancellation">Stops between images.</param>
    internal static List<float> HoldOut(ScoringPass pass, IReadOnlyList<int> layers, IReadOnlyList<float[][]> shots, int width,
        float smoothSigma, CancellationToken cancellation)
    {
        List<float> scores = [];
        int step = (shots.Count + MostHeldOut - 1) / MostHeldOut;
        for (int held = 0; held < shots.Count; held += step)
        {
            cancellation.ThrowIfCancellationRequested();
            float[][] others = [.. layers.Select((_, l) => shots.Where((_, i) => i != held).SelectMany(shot => shot[l]).ToArray())];
            using var bank = new MemoryBank(pass.Backend, layers, others, width);
            pass.Upload(shots[held]);
            scores.Add(pass.Maps(bank, smoothSigma).Max());
        }
        return scores;
    }
}
