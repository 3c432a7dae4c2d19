using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Training;

/// <summary>The pictures of one image that training sees: the whole of it and, with five views, its quadrants at twice the scale.</summary>
public static class TrainingViews
{
    /// <summary>Views with quadrants.</summary>
    public const int WithQuadrants = 5;

    private static readonly float[] Levels = [.. Enumerable.Range(0, 256).Select(level => level / 255f)];

    /// <summary>The views of an image as numbers in [0, 1], before CLIP's normalisation.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="preprocessing">The side S and how other shapes become square.</param>
    /// <param name="views">V: 5, or 1 for the whole image alone.</param>
    /// <returns>[V, 3, S, S]: whole image, top left, top right, bottom left, bottom right.</returns>
    /// <exception cref="ArgumentException">Another number of views.</exception>
    public static float[] Of(RgbImage image, Preprocessing preprocessing, int views = WithQuadrants)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(preprocessing);
        Require.That(views is 1 or WithQuadrants, $"Training sees 1 view (the whole image) or {WithQuadrants} (with its quadrants), got {views}.");
        RgbImage[] pictures = views == 1 ? [preprocessing.Resize(image)] : preprocessing.Views(image);
        int count = preprocessing.Count;
        var pixels = new float[views * count];
        for (int v = 0; v < views; v++)
            Planar(pictures[v].Pixels, pixels.AsSpan(v * count, count));
        return pixels;
    }

    /// <summary>Packed bytes to planar numbers: v / 255.</summary>
    /// <param name="rgb">[H, W, 3].</param>
    /// <param name="planar">[3, H, W], overwritten.</param>
    internal static void Planar(ReadOnlySpan<byte> rgb, Span<float> planar)
    {
        int plane = rgb.Length / 3;
        Span<float> r = planar[..plane], g = planar.Slice(plane, plane), b = planar.Slice(2 * plane, plane);
        for (int i = 0; i < r.Length; i++)
        {
            r[i] = Levels[rgb[3 * i]];
            g[i] = Levels[rgb[3 * i + 1]];
            b[i] = Levels[rgb[3 * i + 2]];
        }
    }
}
