using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Benchmarks.Features;

/// <summary>How well one kind of features separates the images and the pixels of a category; NaN where it is not defined.</summary>
internal readonly record struct FeatureQuality(double Image, double Pixel, double Aupro)
{
    /// <summary>a, the mean of image and pixel AUROC.</summary>
    public double Auroc => (Image + Pixel) / 2;

    /// <summary>Fits on drawn shots and scores the test images.</summary>
    /// <param name="category">The images.</param>
    /// <param name="shots">Normal images to remember.</param>
    /// <param name="seed">Draws them.</param>
    /// <param name="fit">Makes a detector of normal images.</param>
    public static FeatureQuality Measure(FeatureCategory category, int shots, int seed, Func<IReadOnlyList<Imaging.RgbImage>, IPatchDetector> fit)
    {
        using IPatchDetector detector = fit([.. ShotSelector.Choose(category.Normal.Keys, shots, seed).Select(name => category.Normal[name])]);
        var pixels = new PixelMetrics();
        var scores = new float[category.Test.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            (float[] map, scores[i]) = detector.Score(category.Test[i].Image);
            if (category.Test[i].Mask is { } mask)
                pixels.Add(map, mask.Values, mask.Width, mask.Height);
        }
        PixelMetricValues values = pixels.Compute();
        return new(ImageMetrics.Compute(scores, [.. category.Test.Select(test => test.IsAnomalous)]).Auroc, values.Auroc, values.Aupro);
    }

    /// <summary>Means and sample deviations of a value.</summary>
    public static (double Mean, double Deviation) Over(IEnumerable<double> values)
    {
        double[] all = [.. values];
        double mean = all.Average();
        return (mean, all.Length < 2 ? 0 : Math.Sqrt(all.Sum(value => (value - mean) * (value - mean)) / (all.Length - 1)));
    }
}
