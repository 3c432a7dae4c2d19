using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Benchmarks.Features;

/// <summary>
/// What plain image processing makes of the same question: per patch the mean and standard deviation of each colour channel, a histogram of
/// gradient directions of the brightness in 8 bins weighted by magnitude (after Dalal and Triggs, CVPR 2005, without their blocks), and the mean
/// magnitude. Every number is standardised by the remembered patches; the distance is Euclidean to the nearest of them. Grid, upsampling,
/// smoothing and the score, the largest value of the map, are the detector's.
/// </summary>
internal sealed class ColourGradientDetector : IPatchDetector
{
    private const int Bins = 8, Width = 6 + Bins + 1;

    private readonly int size, patch, grid;
    private readonly float sigma;
    private readonly float[] mean = new float[Width], scale = new float[Width], bank;
    private readonly Backend backend;
    private readonly Arena arena;
    private readonly Tensor cells, map, scratch;

    /// <summary>Remembers the patches of normal images.</summary>
    /// <param name="backend">Upsamples and smooths.</param>
    /// <param name="normal">At least one image of size x size.</param>
    /// <param name="size">S, side of the images in pixels.</param>
    /// <param name="patch">p, side of a patch.</param>
    /// <param name="sigma">Standard deviation of the smoothing in pixels.</param>
    public ColourGradientDetector(Backend backend, IReadOnlyList<RgbImage> normal, int size, int patch, float sigma)
    {
        this.backend = backend;
        this.size = size;
        this.patch = patch;
        this.sigma = sigma;
        grid = size / patch;
        bank = [.. normal.SelectMany(Describe)];
        int rows = bank.Length / Width;
        for (int f = 0; f < Width; f++)
        {
            double sum = 0, squares = 0;
            for (int r = 0; r < rows; r++)
                sum += bank[r * Width + f];
            for (int r = 0; r < rows; r++)
                squares += (bank[r * Width + f] - sum / rows) * (bank[r * Width + f] - sum / rows);
            mean[f] = (float)(sum / rows);
            // A number that hardly varies would otherwise outvote all others.
            scale[f] = 1 / (float)Math.Max(Math.Sqrt(squares / rows), 1e-3);
        }
        Standardise(bank);
        arena = new Arena(backend);
        cells = arena.Take("baseline.grid", new(1, grid, grid));
        map = arena.Take("baseline.map", new(1, size, size));
        scratch = arena.Take("baseline.scratch", new(1, size, size));
    }

    public (float[] Map, float Score) Score(RgbImage image)
    {
        float[] features = Describe(image);
        Standardise(features);
        float[] distances = new float[grid * grid];
        for (int i = 0; i < distances.Length; i++)
            distances[i] = Nearest(features.AsSpan(i * Width, Width));
        lock (backend.Gate)
        {
            backend.Write(cells, distances);
            backend.BilinearUpsample.Forward(map, cells);
            backend.GaussianBlur.Forward(map, map, scratch, sigma);
            float[] values = backend.Download(map);
            return (values, values.Max());
        }
    }

    public void Dispose() => arena.Dispose();

    private void Standardise(Span<float> rows)
    {
        for (int i = 0; i < rows.Length; i++)
            rows[i] = (rows[i] - mean[i % Width]) * scale[i % Width];
    }

    private float Nearest(ReadOnlySpan<float> feature)
    {
        float best = float.PositiveInfinity;
        for (int r = 0; r < bank.Length; r += Width)
        {
            float sum = 0;
            for (int f = 0; f < Width; f++)
                sum += (feature[f] - bank[r + f]) * (feature[f] - bank[r + f]);
            best = Math.Min(best, sum);
        }
        return MathF.Sqrt(best);
    }

    // [grid * grid, Width], values of 0..1.
    private float[] Describe(RgbImage image)
    {
        ReadOnlySpan<byte> pixels = image.Pixels;
        float[] brightness = new float[size * size], features = new float[grid * grid * Width];
        for (int i = 0; i < brightness.Length; i++)
            brightness[i] = (0.299f * pixels[3 * i] + 0.587f * pixels[3 * i + 1] + 0.114f * pixels[3 * i + 2]) / 255;
        for (int cell = 0; cell < grid * grid; cell++)
        {
            Span<float> feature = features.AsSpan(cell * Width, Width);
            for (int y = cell / grid * patch, end = y + patch; y < end; y++)
                for (int x = cell % grid * patch, right = x + patch; x < right; x++)
                    Add(feature, pixels, brightness, x, y);
            int n = patch * patch;
            for (int c = 0; c < 3; c++)
            {
                feature[c] /= n;
                feature[3 + c] = MathF.Sqrt(Math.Max(0, feature[3 + c] / n - feature[c] * feature[c]));
            }
            for (int f = 6; f < Width; f++)
                feature[f] /= n;
        }
        return features;
    }

    private void Add(Span<float> feature, ReadOnlySpan<byte> pixels, float[] brightness, int x, int y)
    {
        for (int c = 0; c < 3; c++)
        {
            float value = pixels[3 * (y * size + x) + c] / 255f;
            feature[c] += value;
            feature[3 + c] += value * value;
        }
        float dx = brightness[y * size + Math.Min(x + 1, size - 1)] - brightness[y * size + Math.Max(x - 1, 0)];
        float dy = brightness[Math.Min(y + 1, size - 1) * size + x] - brightness[Math.Max(y - 1, 0) * size + x];
        float magnitude = MathF.Sqrt(dx * dx + dy * dy), turn = MathF.Atan2(dy, dx) / MathF.Tau + 0.5f;
        feature[6 + Math.Min((int)(turn * Bins), Bins - 1)] += magnitude;
        feature[6 + Bins] += magnitude;
    }
}
