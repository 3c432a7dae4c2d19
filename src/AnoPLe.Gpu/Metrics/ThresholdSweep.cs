using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Metrics;

/// <summary>What a metric keeps while the threshold falls from above the highest score to the lowest.</summary>
internal interface ISweepMetric
{
    /// <summary>Called once per distinct score, highest first, with everything that scores at least that much.</summary>
    /// <param name="score">The threshold.</param>
    /// <param name="truePositives">Anomalous samples at or above it.</param>
    /// <param name="falsePositives">Normal samples at or above it.</param>
    void Step(float score, long truePositives, long falsePositives);
}

/// <summary>
/// The one pass all ranking metrics share: samples sorted by falling score, equal scores merged into one threshold. Normal and
/// anomalous samples are sorted apart (most are normal and then need no label) and merged while walking.
/// </summary>
internal static class ThresholdSweep
{
    /// <summary>Checks, sorts and walks a labelled list of scores.</summary>
    /// <exception cref="ArgumentException">Lengths differ, or a score is NaN.</exception>
    public static void Run<TMetric>(ref TMetric metric, ReadOnlySpan<float> scores, ReadOnlySpan<bool> labels)
        where TMetric : struct, ISweepMetric
    {
        if (scores.Length != labels.Length)
            throw new ArgumentException($"{scores.Length} scores and {labels.Length} labels, expected one label per score.", nameof(labels));
        ScoreKey.RejectNaN(scores, nameof(scores));
        int positives = Positives(labels), n = 0, p = 0;
        uint[] normal = new uint[scores.Length - positives], anomalous = new uint[positives];
        for (int i = 0; i < scores.Length; i++)
            if (labels[i])
                anomalous[p++] = ScoreKey.Of(scores[i]);
            else
                normal[n++] = ScoreKey.Of(scores[i]);
        uint[] scratch = new uint[Math.Max(n, p)];
        RadixSort.Sort<uint>(normal, scratch);
        RadixSort.Sort<uint>(anomalous, scratch);
        Walk(ref metric, normal, anomalous);
    }

    /// <summary>The number of labels that are set.</summary>
    public static int Positives(ReadOnlySpan<bool> labels) => labels.Length - MemoryMarshal.AsBytes(labels).Count((byte)0);

    private static void Walk<TMetric>(ref TMetric metric, ReadOnlySpan<uint> normal, ReadOnlySpan<uint> anomalous)
        where TMetric : struct, ISweepMetric
    {
        for (int n = 0, p = 0; n < normal.Length || p < anomalous.Length;)
        {
            uint key = p == anomalous.Length ? normal[n] : n == normal.Length ? anomalous[p] : Math.Min(normal[n], anomalous[p]);
            while (n < normal.Length && normal[n] == key)
                n++;
            while (p < anomalous.Length && anomalous[p] == key)
                p++;
            metric.Step(ScoreKey.Score(key), p, n);
        }
    }
}
