using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Training;

/// <summary>A picture of what training is about to see, for a person to judge whether the anomalies could be real ones.</summary>
public static class ContactSheet
{
    private const int Gap = 4, Columns = 5;

    /// <summary>Draws what the first step of a training will see.</summary>
    /// <param name="clip">The model, for its sizes.</param>
    /// <param name="classes">Products with their normal images.</param>
    /// <param name="options">Views, seed, textures, opacity.</param>
    /// <exception cref="ArgumentException">Options that do not fit the model, a texture folder without images, or a picture that would be too large.</exception>
    public static RgbImage Render(ClipModel clip, IReadOnlyList<ClassImages> classes, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(clip.Config);
        var anomalies = Trainer.CreateAnomalies(clip, options, classes, Environment.ProcessorCount);
        var config = clip.Config;
        int[] first = [.. anomalies.Order(0).Take(options.Batch)];
        var batch = new TrainingBatch(first.Length, options.Views, config.ImageSize, config.Grid, config.VisionWidth);
        anomalies.Fill(batch, first, pass: 0);
        return Draw(batch);
    }

    /// <summary>Draws a batch, a row per sample: view, texture, pixel mask, view with the anomaly, latent mask (a square per patch).</summary>
    /// <param name="batch">Filled by <see cref="PseudoAnomalies.Fill"/>.</param>
    /// <exception cref="ArgumentException">The picture would be too large; draw a batch of fewer images.</exception>
    public static RgbImage Draw(TrainingBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        int S = batch.ImageSize, width = Columns * (S + Gap) - Gap;
        long height = (long)batch.Samples * (S + Gap) - Gap;
        Require.That(width * height <= RgbImage.DefaultMaxPixels, $"The sheet would have {width} x {height} pixels, the limit is {RgbImage.DefaultMaxPixels}. Draw fewer images.");
        byte[] sheet = new byte[3 * width * height];
        sheet.AsSpan().Fill(255);
        for (int n = 0; n < batch.Samples; n++)
        {
            RgbImage row = HeatMap.SideBySide([View(batch.Pixels, n, S), View(batch.Textures, n, S), PixelMask(batch, n), Anomalous(batch, n), LatentMask(batch, n)], Gap);
            row.Pixels.CopyTo(sheet.AsSpan(3 * width * n * (S + Gap)));
        }
        return new(width, (int)height, sheet);
    }

    private static RgbImage View(float[] pictures, int n, int S) => Picture(S, (c, y, x) => pictures[((n * 3 + c) * S + y) * S + x]);

    private static RgbImage PixelMask(TrainingBatch batch, int n)
    {
        int S = batch.ImageSize;
        return Picture(S, (_, y, x) => batch.PixelMask[(n * S + y) * S + x]);
    }

    private static RgbImage LatentMask(TrainingBatch batch, int n)
    {
        int g = batch.Grid, patch = batch.ImageSize / g;
        return Picture(batch.ImageSize, (_, y, x) => batch.LatentMask[(n * g + y / patch) * g + x / patch]);
    }

    private static RgbImage Anomalous(TrainingBatch batch, int n)
    {
        int S = batch.ImageSize;
        return Picture(S, (c, y, x) =>
        {
            int at = ((n * 3 + c) * S + y) * S + x;
            float view = batch.Pixels[at];
            return view + batch.PixelMask[(n * S + y) * S + x] * batch.Beta[n] * (batch.Textures[at] - view);
        });
    }

    private static RgbImage Picture(int S, Func<int, int, int, float> value)
    {
        byte[] pixels = new byte[3 * S * S];
        for (int y = 0, at = 0; y < S; y++)
            for (int x = 0; x < S; x++)
                for (int c = 0; c < 3; c++, at++)
                    pixels[at] = (byte)MathF.Round(255 * Math.Clamp(value(c, y, x), 0, 1));
        return new(S, S, pixels);
    }
}
