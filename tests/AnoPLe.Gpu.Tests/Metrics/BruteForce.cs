namespace AnoPLe.Gpu.Tests.Metrics;

/// <summary>The metrics straight from their definitions, quadratic and in double, to compare the fast ones with.</summary>
internal static class BruteForce
{
    /// <summary>The share of (anomalous, normal) pairs in which the anomalous sample scores higher; ties count one half.</summary>
    public static double Auroc(float[] scores, bool[] labels)
    {
        double won = 0, pairs = 0;
        for (int a = 0; a < scores.Length; a++)
            for (int n = 0; n < scores.Length; n++)
                if (labels[a] && !labels[n])
                {
                    pairs++;
                    won += scores[a] > scores[n] ? 1 : scores[a] == scores[n] ? 0.5 : 0;
                }
        return won / pairs;
    }

    public static double AveragePrecision(float[] scores, bool[] labels)
    {
        double sum = 0, lastRecall = 0;
        foreach (float t in Thresholds(scores))
        {
            var (tp, fp, fn) = Confusion(scores, labels, t);
            sum += (tp / (tp + fn) - lastRecall) * (tp / (tp + fp));
            lastRecall = tp / (tp + fn);
        }
        return sum;
    }

    public static (double Value, float Threshold) F1Max(float[] scores, bool[] labels)
    {
        (double Value, float Threshold) best = (0, float.NaN);
        foreach (float t in Thresholds(scores))
        {
            var (tp, fp, fn) = Confusion(scores, labels, t);
            if (2 * tp / (2 * tp + fp + fn) > best.Value)
                best = (2 * tp / (2 * tp + fp + fn), t);
        }
        return best;
    }

    /// <summary>Regions by flood fill; at every threshold the overlap of every region is counted anew.</summary>
    public static double Aupro(float[][] maps, byte[][] masks, int width, double limit)
    {
        List<(int Image, int[] Pixels)> regions = [];
        for (int i = 0; i < masks.Length; i++)
            regions.AddRange(Regions(masks[i], width).Select(pixels => (i, pixels)));
        float[] normal = [.. maps.SelectMany((map, i) => map.Where((_, p) => masks[i][p] == 0))];
        List<(double X, double Y)> curve = [(0, 0)];
        foreach (float t in Thresholds([.. maps.SelectMany(m => m)]))
            curve.Add((normal.Count(s => s >= t) / (double)normal.Length,
                regions.Average(r => r.Pixels.Count(p => maps[r.Image][p] >= t) / (double)r.Pixels.Length)));
        curve.Add((1, 1));
        double area = 0;
        for (int i = 1; i < curve.Count && curve[i - 1].X < limit; i++)
        {
            var (a, b) = (curve[i - 1], curve[i]);
            if (b.X > limit)
                b = (limit, a.Y + (b.Y - a.Y) * (limit - a.X) / (b.X - a.X));
            area += (b.X - a.X) * (a.Y + b.Y) / 2;
        }
        return area / limit;
    }

    /// <summary>Pixel lists of the 8-connected regions, by flood fill, in the order of their first pixels.</summary>
    public static List<int[]> Regions(byte[] mask, int width)
    {
        int height = mask.Length / width;
        bool[] seen = new bool[mask.Length];
        List<int[]> regions = [];
        for (int start = 0; start < mask.Length; start++)
        {
            if (mask[start] == 0 || seen[start])
                continue;
            List<int> region = [start];
            seen[start] = true;
            for (int next = 0; next < region.Count; next++)
                for (int dy = -1; dy <= 1; dy++)
                    for (int dx = -1; dx <= 1; dx++)
                    {
                        int x = region[next] % width + dx, y = region[next] / width + dy, p = y * width + x;
                        if (x < 0 || y < 0 || x >= width || y >= height || mask[p] == 0 || seen[p])
                            continue;
                        seen[p] = true;
                        region.Add(p);
                    }
            regions.Add([.. region.Order()]);
        }
        return regions;
    }

    private static IEnumerable<float> Thresholds(float[] scores) => scores.Distinct().OrderDescending();

    private static (double Tp, double Fp, double Fn) Confusion(float[] scores, bool[] labels, float threshold)
    {
        double tp = 0, fp = 0, fn = 0;
        for (int i = 0; i < scores.Length; i++)
            if (scores[i] >= threshold)
                _ = labels[i] ? tp++ : fp++;
            else if (labels[i])
                fn++;
        return (tp, fp, fn);
    }
}
