namespace AnoPLe.Gpu.Metrics;

/// <summary>The best F1 = 2TP / (2TP + FP + FN) over all thresholds "score >= t", and that threshold.</summary>
/// <param name="Value">The best F1, in (0, 1]; NaN when no sample is anomalous.</param>
/// <param name="Threshold">The score at which it is reached, the highest of several; NaN when no sample is anomalous.</param>
public readonly record struct F1Max(double Value, float Threshold)
{
    /// <summary>Tries every distinct score as the threshold.</summary>
    /// <param name="scores">(N) higher means more anomalous; infinities are allowed.</param>
    /// <param name="labels">(N) true where the sample is anomalous.</param>
    /// <exception cref="ArgumentException">Lengths differ, or a score is NaN.</exception>
    public static F1Max Compute(ReadOnlySpan<float> scores, ReadOnlySpan<bool> labels)
    {
        Sweep sweep = new(ThresholdSweep.Positives(labels));
        ThresholdSweep.Run(ref sweep, scores, labels);
        return sweep.Result;
    }

    internal struct Sweep(long positives) : ISweepMetric
    {
        private double best;
        private float threshold = float.NaN;

        public void Step(float score, long truePositives, long falsePositives)
        {
            // 2TP + FP + FN = TP + FP + positives
            double f1 = 2.0 * truePositives / (truePositives + falsePositives + positives);
            if (f1 > best)
                (best, threshold) = (f1, score);
        }

        public readonly F1Max Result => positives == 0 ? new(double.NaN, float.NaN) : new(best, threshold);
    }
}
