using System.Diagnostics;

namespace AnoPLe.Gpu.Metrics;

/// <summary>Pixel metrics of a test set. NaN marks what is undefined for the given masks.</summary>
/// <param name="Images">Images added.</param>
/// <param name="Pixels">Their pixels.</param>
/// <param name="DefectivePixels">Pixels with a non-zero mask.</param>
/// <param name="Regions">8-connected defect regions.</param>
/// <param name="Auroc">P-AUROC over all pixels of all images pooled.</param>
/// <param name="AveragePrecision">P-AP, pooled.</param>
/// <param name="F1Max">P-F1-max, pooled.</param>
/// <param name="Aupro">AUPRO up to the limit.</param>
public sealed record PixelMetricValues(
    int Images, long Pixels, long DefectivePixels, long Regions, double Auroc, double AveragePrecision, F1Max F1Max, double Aupro);

/// <summary>
/// Collects anomaly maps and masks image by image and computes P-AUROC, P-AP, P-F1-max and AUPRO, exactly, over all thresholds.
/// </summary>
/// <remarks>
/// Keeps 4 bytes per normal and 8 per defective pixel. Each image is sorted when it is added; computing then merges the images one
/// range of scores at a time. Not thread-safe.
/// </remarks>
public sealed class PixelMetrics
{
    private const int SampleStride = 4096;    // pixels between two sampled keys of an image
    private const int SamplesPerSlice = 256;  // slices of about a million pixels: they and their scratch fit a cache

    private readonly double limit;
    private readonly SortedRuns<uint> normal = new();
    private readonly SortedRuns<ulong> defective = new();   // key in the upper half, region in the lower
    private readonly List<int> regionSizes = [];
    private int images;

    /// <summary>Starts without images.</summary>
    /// <param name="auproLimit">Largest false positive rate of AUPRO, in (0, 1].</param>
    /// <exception cref="ArgumentException">The limit is outside (0, 1].</exception>
    public PixelMetrics(double auproLimit = Metrics.Aupro.DefaultLimit)
    {
        if (!(auproLimit > 0 && auproLimit <= 1))
            throw new ArgumentException($"The false positive rate limit is {auproLimit}, expected a number in (0, 1].", nameof(auproLimit));
        limit = auproLimit;
    }

    /// <summary>Adds one image; both spans are copied from.</summary>
    /// <param name="map">(height, width) higher means more anomalous; infinities are allowed.</param>
    /// <param name="mask">(height, width) non-zero where defective; empty when the image has no defect.</param>
    /// <param name="width">Pixels per row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentException">A length is not width times height, or a score is NaN; nothing has been added then.</exception>
    public void Add(ReadOnlySpan<float> map, ReadOnlySpan<byte> mask, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        long pixels = (long)width * height;
        if (map.Length != pixels)
            throw new ArgumentException($"The map has {map.Length} scores, expected {width} x {height} = {pixels}.", nameof(map));
        if (mask.Length != pixels && mask.Length != 0)
            throw new ArgumentException($"The mask has {mask.Length} pixels, expected {width} x {height} = {pixels}, or none.", nameof(mask));
        ScoreKey.RejectNaN(map, nameof(map));

        List<ConnectedComponents.Run> runs = [];
        int regions = mask.IsEmpty ? 0 : ConnectedComponents.Find(mask, width, height, out runs);
        int firstRegion = regionSizes.Count, covered = 0;
        regionSizes.AddRange(new int[regions]);
        foreach (var run in runs)
        {
            regionSizes[firstRegion + run.Component] += run.End - run.Start;
            covered += run.End - run.Start;
        }
        Split(map, runs, firstRegion, new uint[map.Length - covered], new ulong[covered]);
        images++;
    }

    private void Split(ReadOnlySpan<float> map, List<ConnectedComponents.Run> runs, int firstRegion, uint[] clean, ulong[] bad)
    {
        int n = 0, p = 0, from = 0;
        foreach (var run in runs)
        {
            foreach (float score in map[from..run.Start])
                clean[n++] = ScoreKey.Of(score);
            foreach (float score in map[run.Start..run.End])
                bad[p++] = (ulong)ScoreKey.Of(score) << 32 | (uint)(firstRegion + run.Component);
            from = run.End;
        }
        foreach (float score in map[from..])
            clean[n++] = ScoreKey.Of(score);
        Debug.Assert(n == clean.Length && p == bad.Length, "every pixel belongs to exactly one side");
        normal.Add(clean);
        defective.Add(bad);
    }

    /// <summary>All metrics of the images added so far. More may be added afterwards.</summary>
    public PixelMetricValues Compute()
    {
        double[] weights = new double[regionSizes.Count];   // the part of its region that one pixel covers
        for (int i = 0; i < weights.Length; i++)
            weights[i] = 1.0 / regionSizes[i];
        Walker walker = new(normal.Count, defective.Count, weights, limit);
        normal.Rewind();
        defective.Rewind();
        foreach (var (last, oneKey) in Slices())
            if (oneKey)
                walker.Tie(last, normal.Skip(last), defective.Take(last, sort: false));
            else
                walker.Walk(normal.Take(last, sort: true), defective.Take(last, sort: true));
        return new(images, normal.Count + defective.Count, defective.Count, weights.Length,
            walker.Ranking.Auroc.Result, walker.Ranking.AveragePrecision.Result, walker.Ranking.F1Max.Result, walker.Aupro.Result);
    }

    /// <summary>
    /// Ranges of keys that hold about a million pixels each, as their largest keys, found from a sample. A key that alone fills a range
    /// (many equal scores, such as a clamped background) gets a range of its own, which needs no sorting.
    /// </summary>
    private List<(uint Last, bool OneKey)> Slices()
    {
        List<uint> sample = [];
        normal.Sample(sample, SampleStride);
        defective.Sample(sample, SampleStride);
        sample.Sort();
        List<(uint Last, bool OneKey)> slices = [];
        long done = -1;   // keys up to here are in slices
        for (int i = SamplesPerSlice; i < sample.Count; i += SamplesPerSlice)
        {
            uint key = sample[i];
            if (key <= done)
                continue;
            bool heavy = sample[i - SamplesPerSlice / 2] == key || sample[Math.Min(i + SamplesPerSlice / 2, sample.Count - 1)] == key;
            if (heavy && key - 1L > done)
                slices.Add((key - 1, false));
            slices.Add((key, heavy));
            done = key;
        }
        if (done < uint.MaxValue)
            slices.Add((uint.MaxValue, false));
        return slices;
    }

    /// <summary>Walks down the thresholds and tells every metric.</summary>
    private struct Walker(long normalPixels, long defectivePixels, double[] weights, double limit)
    {
        public RankingSweep Ranking = new(defectivePixels);
        public Aupro.Sweep Aupro = new(normalPixels, weights.Length, limit);
        private long truePositives, falsePositives;
        private double covered;

        public void Walk(ReadOnlySpan<uint> clean, ReadOnlySpan<ulong> bad)
        {
            for (int n = 0, p = 0; n < clean.Length || p < bad.Length;)
            {
                uint key = n < clean.Length ? clean[n] : uint.MaxValue;
                if (p < bad.Length)
                    key = Math.Min(key, (uint)(bad[p] >> 32));
                int firstN = n, firstP = p;
                while (n < clean.Length && clean[n] == key)
                    n++;
                while (p < bad.Length && (uint)(bad[p] >> 32) == key)
                    p++;
                Tie(key, n - firstN, bad[firstP..p]);
            }
        }

        public void Tie(uint key, long clean, ReadOnlySpan<ulong> bad)
        {
            if (clean == 0 && bad.IsEmpty)
                return;
            foreach (ulong pixel in bad)
                covered += weights[(uint)pixel];
            truePositives += bad.Length;
            falsePositives += clean;
            Ranking.Step(ScoreKey.Score(key), truePositives, falsePositives);
            Aupro.Step(falsePositives, covered);
        }
    }
}
