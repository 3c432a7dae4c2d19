using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// Draws anomaly maps. The scale is fixed when the object is made and the same for every map, so that colours compare between images:
/// a good image stays dark instead of being stretched until its noise glows.
/// </summary>
public sealed class HeatMap
{
    /// <summary>Fixes the scale.</summary>
    /// <param name="minimum">Map value that gets the darkest colour; lower values get it too.</param>
    /// <param name="maximum">Map value that gets the brightest colour; higher values get it too.</param>
    /// <exception cref="ArgumentException">Not finite, or <paramref name="maximum"/> not above <paramref name="minimum"/>.</exception>
    public HeatMap(float minimum = 0, float maximum = 1)
    {
        Require.That(maximum > minimum && float.IsFinite(maximum - minimum),
            $"A heat map's scale runs from a finite minimum up to a larger maximum, got {minimum} to {maximum}.");
        Minimum = minimum;
        Maximum = maximum;
    }

    /// <summary>Map value of the darkest colour.</summary>
    public float Minimum { get; }

    /// <summary>Map value of the brightest colour.</summary>
    public float Maximum { get; }

    /// <summary>The map in the colours of <see cref="ColorTable"/>, one pixel per value.</summary>
    /// <param name="map">[height, width] values.</param>
    /// <param name="width">Columns of the map.</param>
    /// <param name="height">Rows of the map.</param>
    /// <exception cref="ArgumentException">The sizes do not fit the map, or it holds a NaN.</exception>
    public RgbImage Render(ReadOnlySpan<float> map, int width, int height)
    {
        RequireSize(map, width, height);
        byte[] pixels = new byte[checked(3 * map.Length)];
        for (int i = 0; i < map.Length; i++)
            ColorTable.Rgb.Slice(3 * Level(map[i], i, width), 3).CopyTo(pixels.AsSpan(3 * i));
        return new(width, height, pixels);
    }

    /// <summary>
    /// The image with the map laid over it, at the image's size. A pixel's opacity grows with its value, so that normal regions show the image.
    /// </summary>
    /// <param name="image">Any size; the map is stretched over it (bilinear).</param>
    /// <param name="map">[height, width] values.</param>
    /// <param name="width">Columns of the map.</param>
    /// <param name="height">Rows of the map.</param>
    /// <param name="opacity">Opacity at the maximum, 0 to 1.</param>
    /// <exception cref="ArgumentException">The sizes do not fit the map, it holds a NaN, or another opacity.</exception>
    public RgbImage Overlay(RgbImage image, ReadOnlySpan<float> map, int width, int height, float opacity = 0.75f)
    {
        ArgumentNullException.ThrowIfNull(image);
        RequireSize(map, width, height);
        Require.That(opacity is >= 0 and <= 1, $"An overlay's opacity is 0 to 1, got {opacity}.");
        byte[] pixels = new byte[image.Pixels.Length];
        for (int y = 0, i = 0; y < image.Height; y++)
        {
            var (y0, y1, fy) = Between(y, image.Height, height);
            for (int x = 0; x < image.Width; x++, i++)
            {
                var (x0, x1, fx) = Between(x, image.Width, width);
                float top = float.Lerp(map[y0 * width + x0], map[y0 * width + x1], fx);
                float bottom = float.Lerp(map[y1 * width + x0], map[y1 * width + x1], fx);
                int level = Level(float.Lerp(top, bottom, fy), y0 * width + x0, width);
                float weight = opacity * level / 255;
                for (int c = 0; c < 3; c++)
                    pixels[3 * i + c] = (byte)MathF.Round(float.Lerp(image.Pixels[3 * i + c], ColorTable.Rgb[3 * level + c], weight));
            }
        }
        return new(image.Width, image.Height, pixels);
    }

    /// <summary>One picture for a report, left to right: image, mask (when there is one), heat map, overlay; all at the map's size.</summary>
    /// <param name="image">The inspected image, any size.</param>
    /// <param name="mask">The ground truth, any size, or null.</param>
    /// <param name="map">[height, width] values.</param>
    /// <param name="width">Columns of the map.</param>
    /// <param name="height">Rows of the map.</param>
    /// <exception cref="ArgumentException">The sizes do not fit the map, or it holds a NaN.</exception>
    public RgbImage Panel(RgbImage image, Mask? mask, ReadOnlySpan<float> map, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(image);
        RequireSize(map, width, height);
        RgbImage small = BicubicResize.Resize(image, width, height);
        List<RgbImage> parts = [small];
        if (mask is not null)
            parts.Add(mask.Resize(width, height).ToImage());
        parts.Add(Render(map, width, height));
        parts.Add(Overlay(small, map, width, height));
        return SideBySide(parts);
    }

    /// <summary>Images in one row, tops aligned, on white.</summary>
    /// <param name="images">At least one, of any sizes.</param>
    /// <param name="gap">Pixels between them, at least 0.</param>
    /// <exception cref="ArgumentException">No image, or a negative gap.</exception>
    public static RgbImage SideBySide(IReadOnlyList<RgbImage> images, int gap = 4)
    {
        ArgumentNullException.ThrowIfNull(images);
        Require.That(images.Count > 0, $"A row of images takes at least one image, got none.");
        Require.That(gap >= 0, $"The gap between images is at least 0 pixels, got {gap}.");
        int width = images.Sum(image => image.Width) + gap * (images.Count - 1), height = images.Max(image => image.Height);
        byte[] pixels = new byte[checked(3 * width * height)];
        pixels.AsSpan().Fill(255);
        int left = 0;
        foreach (RgbImage image in images)
        {
            for (int y = 0; y < image.Height; y++)
                image.Row(y).CopyTo(pixels.AsSpan(3 * (y * width + left)));
            left += image.Width + gap;
        }
        return new(width, height, pixels);
    }

    private static void RequireSize(ReadOnlySpan<float> map, int width, int height) =>
        Require.That(width >= 1 && height >= 1 && map.Length == (long)width * height,
            $"A map of {width} x {height} has {(long)width * height} values and at least one, got {map.Length}.");

    private int Level(float value, int index, int width)
    {
        Require.That(!float.IsNaN(value), $"The anomaly map holds a NaN at column {index % width}, row {index / width}.");
        return (int)MathF.Round(255 * Math.Clamp((value - Minimum) / (Maximum - Minimum), 0, 1));
    }

    // Bilinear with pixel centres at half positions (align_corners = false): the two neighbours and how far towards the second.
    private static (int First, int Second, float Fraction) Between(int position, int outputs, int inputs)
    {
        float source = Math.Clamp((position + 0.5f) * inputs / outputs - 0.5f, 0, inputs - 1);
        int first = (int)source;
        return (first, Math.Min(first + 1, inputs - 1), source - first);
    }
}
