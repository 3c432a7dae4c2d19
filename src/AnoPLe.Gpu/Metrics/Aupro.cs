namespace AnoPLe.Gpu.Metrics;

/// <summary>
/// Area under the per-region overlap curve up to a false positive rate, as MVTec defines it: over all thresholds, the mean over all
/// 8-connected defect regions of all images of the covered part of the region, against the share of all non-defective pixels that are
/// flagged; linear between thresholds, from (0, 0), divided by the limit (Bergmann et al., "The MVTec Anomaly Detection Dataset",
/// IJCV 129, 2021). A small region counts as much as a large one.
/// </summary>
public static class Aupro
{
    /// <summary>The usual limit of the false positive rate.</summary>
    public const double DefaultLimit = 0.3;

    /// <summary>The area, in [0, 1]; NaN when no pixel is defective or every pixel is.</summary>
    /// <param name="maps">(images, height, width) anomaly maps, higher means more anomalous; infinities are allowed.</param>
    /// <param name="masks">(images, height, width) non-zero where defective.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows per image.</param>
    /// <param name="limit">Largest false positive rate, in (0, 1].</param>
    /// <exception cref="ArgumentException">Lengths differ or hold no whole images, a score is NaN, or the limit is outside (0, 1].</exception>
    public static double Compute(ReadOnlySpan<float> maps, ReadOnlySpan<byte> masks, int width, int height, double limit = DefaultLimit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        long pixels = (long)width * height;
        if (masks.Length != maps.Length || maps.Length % pixels != 0)
            throw new ArgumentException(
                $"maps has {maps.Length} and masks {masks.Length} pixels, expected the same whole number of {width} x {height} images.", nameof(maps));
        PixelMetrics metrics = new(limit);
        for (int start = 0; start < maps.Length; start += (int)pixels)
            metrics.Add(maps.Slice(start, (int)pixels), masks.Slice(start, (int)pixels), width, height);
        return metrics.Compute().Aupro;
    }

    /// <summary>The curve is followed from threshold to threshold until the false positive rate reaches the limit.</summary>
    internal struct Sweep(long normalPixels, long regions, double limit)
    {
        private double area, lastRate, lastOverlap;

        /// <summary>Next lower threshold: flagged normal pixels, and the sum over regions of the covered part.</summary>
        public void Step(long falsePositives, double covered)
        {
            double rate = (double)falsePositives / normalPixels, overlap = covered / regions;
            if (lastRate < limit)
            {
                double right = Math.Min(rate, limit);
                double atRight = rate > limit ? lastOverlap + (overlap - lastOverlap) * (limit - lastRate) / (rate - lastRate) : overlap;
                area += (right - lastRate) * (atRight + lastOverlap) / 2;
            }
            (lastRate, lastOverlap) = (rate, overlap);
        }

        /// <summary>NaN when there is no region or no normal pixel.</summary>
        public readonly double Result => normalPixels == 0 || regions == 0 ? double.NaN : area / limit;
    }
}
