using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu;

/// <summary>How anomalous every pixel is: non-negative values on one scale for all images, higher is more anomalous.</summary>
public sealed class AnomalyMap
{
    private readonly float[] values;

    /// <summary>Wraps height * width values, row-major.</summary>
    /// <exception cref="ArgumentException">Another number of values.</exception>
    public AnomalyMap(int width, int height, float[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        Require.That(width > 0 && height > 0 && values.Length == (long)width * height,
            $"A map of {width} x {height} takes {(long)width * height} values, got {values.Length}.");
        Width = width;
        Height = height;
        this.values = values;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>All values, row-major.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>The value at a pixel.</summary>
    public float this[int x, int y] => (uint)x < (uint)Width && (uint)y < (uint)Height
        ? values[y * Width + x]
        : throw new ArgumentOutOfRangeException(nameof(x), $"({x}, {y}) lies outside a map of {Width} x {Height}.");

    /// <summary>The largest value.</summary>
    public float Max => System.Linq.Enumerable.Max(values);

    /// <summary>The most anomalous pixel; the first one in reading order when several are equal.</summary>
    public (int X, int Y) Peak
    {
        get
        {
            int best = 0;
            for (int i = 1; i < values.Length; i++)
                if (values[i] > values[best])
                    best = i;
            return (best % Width, best / Width);
        }
    }

    /// <summary>The map at another size, for instance that of the original image: bilinear, align_corners = false.</summary>
    /// <exception cref="ArgumentException">A size below 1.</exception>
    public AnomalyMap Resize(int width, int height)
    {
        Require.That(width > 0 && height > 0, $"A map cannot have {width} x {height} pixels.");
        var (left, fx) = Taps(Width, width);
        var (top, fy) = Taps(Height, height);
        var result = new float[width * height];
        for (int y = 0; y < height; y++)
        {
            int row0 = top[y] * Width, row1 = Math.Min(top[y] + 1, Height - 1) * Width;
            for (int x = 0; x < width; x++)
            {
                int c0 = left[x], c1 = Math.Min(c0 + 1, Width - 1);
                float upper = values[row0 + c0] + fx[x] * (values[row0 + c1] - values[row0 + c0]);
                float lower = values[row1 + c0] + fx[x] * (values[row1 + c1] - values[row1 + c0]);
                result[y * width + x] = upper + fy[y] * (lower - upper);
            }
        }
        return new AnomalyMap(width, height, result);
    }

    private static (int[] First, float[] Fraction) Taps(int from, int to)
    {
        var first = new int[to];
        var fraction = new float[to];
        for (int i = 0; i < to; i++)
        {
            double source = Math.Max((i + 0.5) * from / to - 0.5, 0);
            first[i] = Math.Min((int)source, from - 1);
            fraction[i] = (float)(source - first[i]);
        }
        return (first, fraction);
    }
}
