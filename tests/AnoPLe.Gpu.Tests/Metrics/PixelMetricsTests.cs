using System.Diagnostics;
using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Tests.Metrics;

public sealed class PixelMetricsTests
{
    [Fact]
    public void Overlap_curve_by_hand()
    {
        // 2 regions (sizes 1 and 2) and 10 normal pixels in a 13 x 1 image. Falling scores: region 1 | 1 normal | half of region 2 |
        // 2 normal | other half | rest. Curve: (0, .5) (.1, .5) (.1, .75) (.3, .75).
        float[] map = [9, 0, 7, 5, 0, 8, 6, 6, 0, 0, 0, 0, 0];
        byte[] mask = [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal((0.1 * 0.5 + 0.2 * 0.75) / 0.3, Aupro.Compute(map, mask, 13, 1), 1e-15);
        Assert.Equal(0.5, Aupro.Compute(map, mask, 13, 1, limit: 0.05), 1e-15);
        // (.3, 1) to (1, 1) closes the curve.
        Assert.Equal(0.1 * 0.5 + 0.2 * 0.75 + 0.7, Aupro.Compute(map, mask, 13, 1, limit: 1), 1e-15);
    }

    [Fact]
    public void Overlap_between_thresholds_is_linear()
    {
        // One threshold only: the curve is the diagonal from (0, 0) to (1, 1).
        Assert.Equal(0.15, Aupro.Compute(new float[8], [0, 0, 0, 1, 1, 0, 0, 1], 4, 2), 1e-15);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Random_images_equal_brute_force(int seed)
    {
        var (maps, masks, width) = Sample(seed);
        PixelMetrics metrics = new();
        for (int i = 0; i < maps.Length; i++)
            metrics.Add(maps[i], masks[i].All(m => m == 0) ? [] : masks[i], width, maps[i].Length / width);
        var actual = metrics.Compute();

        float[] scores = [.. maps.SelectMany(m => m)];
        bool[] labels = [.. masks.SelectMany(m => m).Select(m => m != 0)];
        Assert.Equal((maps.Length, scores.Length, labels.Count(l => l)), (actual.Images, actual.Pixels, actual.DefectivePixels));
        Assert.Equal(masks.Sum(m => BruteForce.Regions(m, width).Count), actual.Regions);
        Assert.Equal(BruteForce.Auroc(scores, labels), actual.Auroc, 1e-12);
        Assert.Equal(BruteForce.AveragePrecision(scores, labels), actual.AveragePrecision, 1e-12);
        Assert.Equal(BruteForce.F1Max(scores, labels), (actual.F1Max.Value, actual.F1Max.Threshold));
        Assert.Equal(BruteForce.Aupro(maps, masks, width, 0.3), actual.Aupro, 1e-12);
        Assert.Equal(actual.Aupro, Aupro.Compute(scores, [.. masks.SelectMany(m => m)], width, maps[0].Length / width));
        Assert.Equal(actual, metrics.Compute());
    }

    [Theory, InlineData(3), InlineData(40), InlineData(1_000_000)]
    public void Many_slices_equal_one_sort(int levels)
    {
        // Large enough for several slices, with keys that fill more than a slice when there are few levels.
        const int Width = 1024, Height = 1024, Images = 3;
        Random random = new(levels);
        PixelMetrics metrics = new();
        float[] scores = new float[Images * Width * Height];
        byte[] masks = new byte[scores.Length];
        for (int i = 0; i < scores.Length; i++)
            scores[i] = random.Next(levels) / (float)levels;
        for (int image = 0; image < Images; image++)
            for (int y = 100; y < 500; y++)
                masks.AsSpan((image * Height + y) * Width + 100 * (image + 1), 300).Fill(1);
        for (int i = 0; i < scores.Length; i += 3)
            scores[i] = 0;   // a clamped background
        for (int image = 0; image < Images; image++)
            metrics.Add(scores.AsSpan(image * Width * Height, Width * Height), masks.AsSpan(image * Width * Height, Width * Height), Width, Height);
        var actual = metrics.Compute();
        bool[] labels = [.. masks.Select(m => m != 0)];
        Assert.Equal(Auroc.Compute(scores, labels), actual.Auroc);
        Assert.Equal(AveragePrecision.Compute(scores, labels), actual.AveragePrecision);
        Assert.Equal(F1Max.Compute(scores, labels), actual.F1Max);
        Assert.Equal(3, actual.Regions);
        // All regions have one size and no region stands out, so the mean overlap is the recall.
        Assert.Equal(RecallArea(scores, labels, 0.3), actual.Aupro, 1e-9);
    }

    [Fact]
    public void Perfect_and_useless_maps()
    {
        byte[] mask = [0, 0, 1, 1, 0, 0, 0, 0, 1];
        PixelMetrics perfect = new();
        perfect.Add([0, 0, 1, 1, 0, 0, 0, 0, 1], mask, 3, 3);
        var values = perfect.Compute();
        Assert.Equal((1.0, 1.0, 1.0), (values.Auroc, values.AveragePrecision, values.F1Max.Value));
        Assert.Equal(1, values.Aupro, 1e-15);
        PixelMetrics inverted = new();
        inverted.Add([1, 1, 0, 0, 1, 1, 1, 1, 0], mask, 3, 3);
        Assert.Equal(0, inverted.Compute().Auroc);
        Assert.Equal(0, inverted.Compute().Aupro);
    }

    [Fact]
    public void Without_defects_or_without_normal_pixels_areas_are_undefined()
    {
        PixelMetrics clean = new();
        clean.Add([1, 2, 3, 4], [], 2, 2);
        var values = clean.Compute();
        Assert.All([values.Auroc, values.AveragePrecision, values.F1Max.Value, values.Aupro], v => Assert.Equal(double.NaN, v));
        PixelMetrics full = new();
        full.Add([1, 2, 3, 4], [255, 255, 255, 255], 2, 2);
        values = full.Compute();
        Assert.Equal((double.NaN, 1.0, double.NaN), (values.Auroc, values.AveragePrecision, values.Aupro));
        Assert.Equal((1L, 4L), (values.Regions, values.DefectivePixels));
        values = new PixelMetrics().Compute();
        Assert.Equal((0, 0L, double.NaN, double.NaN), (values.Images, values.Pixels, values.Auroc, values.Aupro));
    }

    [Fact]
    public void Infinite_scores_take_part()
    {
        PixelMetrics metrics = new();
        metrics.Add([float.PositiveInfinity, 0, float.NegativeInfinity, 0], [1, 0, 0, 0], 2, 2);
        Assert.Equal(1, metrics.Compute().Auroc);
        Assert.Equal(float.PositiveInfinity, metrics.Compute().F1Max.Threshold);
    }

    [Fact]
    public void Refused_input_leaves_nothing_behind()
    {
        PixelMetrics metrics = new();
        Assert.Throws<ArgumentException>(() => metrics.Add([1, float.NaN], [0, 1], 2, 1));
        Assert.Throws<ArgumentException>(() => metrics.Add([1, 2, 3], [0, 1], 2, 1));
        var mask = Assert.Throws<ArgumentException>(() => metrics.Add([1, 2], [0, 1, 1], 2, 1));
        Assert.Contains("3 pixels, expected 2 x 1 = 2", mask.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => metrics.Add([], [], 0, 1));
        Assert.Equal(0, metrics.Compute().Images);
        foreach (double limit in new[] { 0, -1, 1.01, double.NaN })
            Assert.Throws<ArgumentException>(() => new PixelMetrics(limit));
        Assert.Throws<ArgumentException>(() => Aupro.Compute(new float[6], new byte[6], 4, 1));
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 16)];

    /// <summary>The area under recall against false positive rate up to the limit, divided by it.</summary>
    private static double RecallArea(float[] scores, bool[] labels, double limit)
    {
        int[] order = [.. Enumerable.Range(0, scores.Length)];
        Array.Sort([.. scores.Select(s => -s)], order);
        double positives = labels.Count(l => l), negatives = labels.Length - positives, area = 0;
        double tp = 0, fp = 0, lastX = 0, lastY = 0;
        for (int i = 0; i < order.Length && lastX < limit;)
        {
            float score = scores[order[i]];
            for (; i < order.Length && scores[order[i]] == score; i++)
                _ = labels[order[i]] ? tp++ : fp++;
            double x = fp / negatives, y = tp / positives;
            if (x > limit)
                (x, y) = (limit, lastY + (y - lastY) * (limit - lastX) / (x - lastX));
            area += (x - lastX) * (y + lastY) / 2;
            (lastX, lastY) = (x, y);
        }
        return area / limit;
    }

    [Fact]
    public void Two_hundred_images_of_512_by_512_take_less_than_ten_seconds()
    {
        const int Size = 512;
        Random random = new(0);
        PixelMetrics metrics = new();
        Stopwatch time = new();
        for (int i = 0; i < 200; i++)
        {
            float[] map = [.. Enumerable.Range(0, Size * Size).Select(_ => random.NextSingle())];
            byte[] mask = new byte[Size * Size];
            if (i % 2 == 0)
                for (int y = 100; y < 130; y++)
                    mask.AsSpan(y * Size + 200, 40).Fill(255);
            time.Start();
            metrics.Add(map, mask, Size, Size);
            time.Stop();
        }
        time.Start();
        PixelMetricValues values = metrics.Compute();
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 10);
        Assert.Equal(100, values.Regions);
        Assert.Equal(0.5, values.Auroc, 0.01);
    }

    private static (float[][] Maps, byte[][] Masks, int Width) Sample(int seed)
    {
        Random random = new(seed);
        int width = random.Next(1, 20), height = random.Next(3, 14), images = random.Next(1, 5), levels = seed % 2 == 0 ? 6 : 100_000;
        byte[][] masks = [.. Enumerable.Range(0, images).Select(i =>
            Enumerable.Range(0, width * height).Select(_ => (byte)(i != 1 && random.NextDouble() < 0.15 ? 200 : 0)).ToArray())];
        (masks[0][0], masks[0][1]) = (1, 0);
        float[][] maps = [.. masks.Select(m => m.Select(p => (random.Next(levels) + (p > 0 ? levels / 3 : 0) - levels / 2) / 64f).ToArray())];
        return (maps, masks, width);
    }
}
