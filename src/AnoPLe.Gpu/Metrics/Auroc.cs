namespace AnoPLe.Gpu.Metrics;

/// <summary>
/// Area under the receiver operating characteristic: the probability that an anomalous sample scores higher than a normal one, ties
/// counting one half (Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006).
/// </summary>
public static class Auroc
{
    /// <summary>The area, in [0, 1]; NaN when there is no anomalous or no normal sample, because no pair can then be compared.</summary>
    /// <param name="scores">(N) higher means more anomalous; infinities are allowed.</param>
    /// <param name="labels">(N) true where the sample is anomalous.</param>
    /// <exception cref="ArgumentException">Lengths differ, or a score is NaN.</exception>
    public static double Compute(ReadOnlySpan<float> scores, ReadOnlySpan<bool> labels)
    {
        Sweep sweep = default;
        ThresholdSweep.Run(ref sweep, scores, labels);
        return sweep.Result;
    }

    /// <summary>The trapezoids of the (FPR, TPR) curve in whole counts, hence exact up to 6e9 samples.</summary>
    internal struct Sweep : ISweepMetric
    {
        private ulong twiceArea;
        private long lastTrue, lastFalse;

        public void Step(float score, long truePositives, long falsePositives)
        {
            twiceArea += (ulong)(falsePositives - lastFalse) * (ulong)(truePositives + lastTrue);
            (lastTrue, lastFalse) = (truePositives, falsePositives);
        }

        /// <summary>0/0 = NaN when a class is empty.</summary>
        public readonly double Result => twiceArea / (2.0 * lastTrue * lastFalse);
    }
}
