using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// What one step of training reads, in memory that is filled again for every step. B images of V views each; sample n = b V + v.
/// A view stays normal as it is, and becomes a pixel anomaly as <c>x + PixelMask Beta (Textures - x)</c> and a latent anomaly as
/// <c>patches + q LatentMask LatentNoise, class token + q ClassNoise</c> on the tower's output.
/// </summary>
public sealed class TrainingBatch
{
    /// <summary>Takes the memory.</summary>
    /// <param name="images">B, at least 1.</param>
    /// <param name="views">V, at least 1.</param>
    /// <param name="imageSize">S, side of the model's input, a multiple of the grid.</param>
    /// <param name="grid">g, patches per side.</param>
    /// <param name="width">d_v, width of the vision tower.</param>
    /// <exception cref="ArgumentException">A size below 1, an image that is not a whole number of patches, or more than an array can hold.</exception>
    public TrainingBatch(int images, int views, int imageSize, int grid, int width)
    {
        Require.That(images >= 1 && views >= 1 && grid >= 1 && width >= 1, $"A batch has at least one image, view, patch and channel, got {images}, {views}, {grid} and {width}.");
        Require.That(imageSize >= grid && imageSize % grid == 0, $"The image side is a whole number of patches, got {imageSize} pixels for {grid} patches.");
        long largest = (long)images * views * Math.Max(3L * imageSize * imageSize, (long)grid * grid * width);
        Require.That(largest <= Array.MaxLength, $"The batch needs an array of {largest} numbers, the most is {Array.MaxLength}. Use fewer images per batch.");
        (Images, Views, ImageSize, Grid, Width) = (images, views, imageSize, grid, width);
        Pixels = new float[Samples * 3 * imageSize * imageSize];
        Textures = new float[Pixels.Length];
        PixelMask = new float[Samples * imageSize * imageSize];
        LatentMask = new float[Samples * grid * grid];
        Beta = new float[Samples];
        LatentNoise = new float[Samples * grid * grid * width];
        ClassNoise = new float[Samples * width];
        ClassIndex = new int[images];
    }

    /// <summary>B.</summary>
    public int Images { get; }

    /// <summary>V.</summary>
    public int Views { get; }

    /// <summary>N = B V.</summary>
    public int Samples => Images * Views;

    /// <summary>S.</summary>
    public int ImageSize { get; }

    /// <summary>g.</summary>
    public int Grid { get; }

    /// <summary>d_v.</summary>
    public int Width { get; }

    /// <summary>[B, V, 3, S, S] in [0, 1]: the views, before CLIP's normalisation.</summary>
    public float[] Pixels { get; }

    /// <summary>[B, V, 3, S, S] in [0, 1]: what shows where the pixel mask is set.</summary>
    public float[] Textures { get; }

    /// <summary>[B, V, S, S], 0 or 1; at least one pixel of every sample is set.</summary>
    public float[] PixelMask { get; }

    /// <summary>[B, V, g, g], 0 or 1; at least one patch of every sample is set.</summary>
    public float[] LatentMask { get; }

    /// <summary>[B, V]: opacity of the texture.</summary>
    public float[] Beta { get; }

    /// <summary>[B, V, g*g, d_v], standard normal; not yet masked or scaled.</summary>
    public float[] LatentNoise { get; }

    /// <summary>[B, V, d_v], standard normal.</summary>
    public float[] ClassNoise { get; }

    /// <summary>[B]: the class of each image.</summary>
    public int[] ClassIndex { get; }
}
