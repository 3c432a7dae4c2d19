namespace AnoPLe.Gpu.Metrics;

/// <summary>Average precision: sum over thresholds of (R_k - R_(k-1)) P_k, the step-wise area under the precision-recall curve without interpolation.</summary>
public static class AveragePrecision
{
    /// <summary>The area, in [0, 1]; 1 when all samples are anomalous; NaN when none is, because recall is then undefined.</summary>
    /// <param name="scores">(N) higher means more anomalous; infinities are allowed.</param>
    /// <param name="labels">(N) true where the sample is anomalous.</param>
    /// <exception cref="ArgumentException">Lengths differ, or a score is NaN.</exception>
    public static double Compute(ReadOnlySpan<float> scores, ReadOnlySpan<bool> labels)
    {
        Sweep sweep = default;
        ThresholdSweep.Run(ref sweep, scores, labels);
        return sweep.Result;
    }

    internal struct Sweep : ISweepMetric
    {
        private double sum;
        private long lastTrue;

        public void Step(float score, long truePositives, long falsePositives)
        {
            if (truePositives != lastTrue)
                sum += (double)(truePositives - lastTrue) * truePositives / (truePositives + falsePositives);
            lastTrue = truePositives;
        }

        /// <summary>0/0 = NaN without anomalous samples.</summary>
        public readonly double Result => sum / lastTrue;
    }
}
