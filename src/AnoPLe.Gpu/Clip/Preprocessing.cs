using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Resampling;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Clip;

/// <summary>How an image of any shape becomes the square that the vision tower sees.</summary>
public enum CropMode
{
    /// <summary>Resize straight to S x S. The aspect ratio is not kept, but no border is lost, where defects may be. The default.</summary>
    None,

    /// <summary>CLIP's original transform: resize the short side to S, then take the centre S x S.</summary>
    ShortSideCenter,
}

/// <summary>
/// From an image to the input of CLIP's vision tower: Pillow-exact bicubic resize, then (v / 255 - mean) / std in float32.
/// Bit for bit what torchvision's <c>Resize</c>, <c>ToTensor</c> and <c>Normalize</c> give on a Pillow image. Immutable and thread-safe.
/// </summary>
public sealed class Preprocessing
{
    private static readonly float[] MeanValues = [0.48145466f, 0.4578275f, 0.40821073f];
    private static readonly float[] StdValues = [0.26862954f, 0.26130258f, 0.27577711f];
    private static readonly float[] Table = NormalizedValues();

    /// <summary>For a tower of the given input side.</summary>
    /// <param name="imageSize">S, the side of the tower's input in pixels, 1 to 4096.</param>
    /// <param name="crop">How other shapes become square.</param>
    /// <exception cref="ArgumentException">A side outside that range.</exception>
    public Preprocessing(int imageSize, CropMode crop = CropMode.None)
    {
        Require.That(imageSize is >= 1 and <= 4096, $"The image side is 1 to 4096 pixels, got {imageSize}.");
        Require.That(Enum.IsDefined(crop), $"Unknown crop mode {crop}.");
        ImageSize = imageSize;
        Crop = crop;
    }

    /// <summary>Mean of CLIP's training images per channel (R, G, B), in [0, 1].</summary>
    public static ReadOnlySpan<float> Mean => MeanValues;

    /// <summary>Standard deviation of CLIP's training images per channel (R, G, B), in [0, 1].</summary>
    public static ReadOnlySpan<float> Std => StdValues;

    /// <summary>S, the side of the tower's input.</summary>
    public int ImageSize { get; }

    /// <summary>How other shapes become square.</summary>
    public CropMode Crop { get; }

    /// <summary>Floats of one preprocessed image: 3 * S * S.</summary>
    public int Count => 3 * ImageSize * ImageSize;

    /// <summary>The image as the tower's input.</summary>
    /// <returns>[3, S, S], planar: channel, row, column.</returns>
    public float[] Apply(RgbImage image)
    {
        float[] output = new float[Count];
        Apply(image, output);
        return output;
    }

    /// <summary>The image as the tower's input, into the caller's memory.</summary>
    /// <param name="image">Any size from 1 x 1.</param>
    /// <param name="output">[3, S, S], planar; exactly <see cref="Count"/> floats.</param>
    /// <exception cref="ArgumentException">Another length of <paramref name="output"/>.</exception>
    public void Apply(RgbImage image, Span<float> output) => Normalize(Resize(image), output);

    /// <summary>The 8-bit S x S image that <see cref="Apply(RgbImage)"/> normalises.</summary>
    public RgbImage Resize(RgbImage image) => Square(image, ImageSize);

    /// <summary>
    /// The five 8-bit S x S views of training: the whole image, then the top left, top right, bottom left and bottom right quadrant of the
    /// image at 2S x 2S (resized from the original, so a quadrant shows twice the detail).
    /// </summary>
    public RgbImage[] Views(RgbImage image)
    {
        RgbImage large = Square(image, 2 * ImageSize);
        int s = ImageSize;
        return [Resize(image), Cut(large, 0, 0, s, s), Cut(large, s, 0, s, s), Cut(large, 0, s, s, s), Cut(large, s, s, s, s)];
    }

    /// <summary>(v / 255 - mean) / std per channel, packed to planar.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="output">[3, H, W]; exactly 3 * H * W floats.</param>
    /// <exception cref="ArgumentException">Another length of <paramref name="output"/>.</exception>
    public static void Normalize(RgbImage image, Span<float> output)
    {
        ArgumentNullException.ThrowIfNull(image);
        ReadOnlySpan<byte> rgb = image.Pixels;
        Require.That(output.Length == rgb.Length,
            $"The normalised {image.Width} x {image.Height} image takes {rgb.Length} floats, got room for {output.Length}.");
        int plane = rgb.Length / 3;
        for (int c = 0; c < 3; c++)
        {
            ReadOnlySpan<float> table = Table.AsSpan(256 * c, 256);
            Span<float> target = output.Slice(c * plane, plane);
            for (int i = 0; i < target.Length; i++)
                target[i] = table[rgb[3 * i + c]];
        }
    }

    /// <summary>The float that an 8-bit value of a channel (0 = R, 1 = G, 2 = B) becomes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A channel other than 0, 1, 2.</exception>
    public static float Normalize(byte value, int channel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(channel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(channel, 2);
        return Table[256 * channel + value];
    }

    /// <summary>(v - mean) / std per channel for values that are in [0, 1] already: images that were mixed after decoding.</summary>
    /// <param name="values">Planar images one after another, [n, 3, pixels].</param>
    /// <param name="pixels">Pixels of one plane.</param>
    /// <param name="output">As long as <paramref name="values"/>; may be the same memory.</param>
    internal static void NormalizePlanes(ReadOnlySpan<float> values, int pixels, Span<float> output)
    {
        for (int start = 0, c = 0; start < values.Length; start += pixels, c = (c + 1) % 3)
        {
            float mean = MeanValues[c], std = StdValues[c];
            ReadOnlySpan<float> x = values.Slice(start, pixels);
            Span<float> y = output.Slice(start, pixels);
            for (int i = 0; i < x.Length; i++)
                y[i] = (x[i] - mean) / std;
        }
    }

    private static float[] NormalizedValues()
    {
        float[] table = new float[3 * 256];
        for (int c = 0; c < 3; c++)
            for (int v = 0; v < 256; v++)
                table[256 * c + v] = (v / 255f - MeanValues[c]) / StdValues[c];
        return table;
    }

    /// <summary>What <see cref="Compute.Ops.ImageResize"/> needs to do to an image what <see cref="Apply(RgbImage)"/> does.</summary>
    internal ImageSource Source(RgbImage image)
    {
        var (width, height) = Resized(image, ImageSize);
        return new(image.Memory, image.Width, image.Height, width, height, Middle(width - ImageSize), Middle(height - ImageSize));
    }

    /// <summary>The 3 * 256 floats that 8-bit values become, channel by channel.</summary>
    internal static ReadOnlySpan<float> Values => Table;

    private RgbImage Square(RgbImage image, int side)
    {
        var (width, height) = Resized(image, side);
        RgbImage resized = BicubicResize.Resize(image, width, height);
        return width == height ? resized : Cut(resized, Middle(width - side), Middle(height - side), side, side);
    }

    // The size before the crop.
    private (int Width, int Height) Resized(RgbImage image, int side)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (Crop == CropMode.None)
            return (side, side);
        int shorter = Math.Min(image.Width, image.Height), longer = Math.Max(image.Width, image.Height);
        long length = (long)side * longer / shorter;
        Require.That(length * side <= RgbImage.DefaultMaxPixels,
            $"The image of {image.Width} x {image.Height} is too narrow for a centre crop of {side}. Use CropMode.None.");
        return image.Width <= image.Height ? (side, (int)length) : ((int)length, side);
    }

    // Python's round(): a half goes to the even neighbour.
    private static int Middle(int excess) => (int)Math.Round(excess / 2.0, MidpointRounding.ToEven);

    private static RgbImage Cut(RgbImage image, int left, int top, int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        for (int y = 0; y < height; y++)
            image.Row(top + y).Slice(3 * left, 3 * width).CopyTo(pixels.AsSpan(3 * width * y));
        return new(width, height, pixels);
    }
}
