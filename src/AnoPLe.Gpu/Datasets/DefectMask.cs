using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Datasets;

/// <summary>Which pixels of an image are defective.</summary>
public sealed class DefectMask
{
    private readonly byte[] pixels;

    /// <summary>Wraps pixels; the array is kept, not copied.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">(height, width) non-zero where defective.</param>
    /// <exception cref="ArgumentException">A size below 1 or an array of another length.</exception>
    public DefectMask(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (width < 1 || height < 1 || pixels.Length != (long)width * height)
            throw new ArgumentException($"A mask of {width} x {height} takes that many pixels, at least one, got {pixels.Length}.", nameof(pixels));
        (Width, Height, this.pixels) = (width, height, pixels);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>(Height, Width) non-zero where defective.</summary>
    public ReadOnlySpan<byte> Pixels => pixels;

    /// <summary>Reads the mask of an image: every pixel that is not black is defective.</summary>
    /// <param name="path">The mask's file.</param>
    /// <param name="imageWidth">Columns of the image it belongs to.</param>
    /// <param name="imageHeight">Rows of the image it belongs to.</param>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="InvalidDataException">Not an image, or not the size of its image.</exception>
    public static DefectMask Load(string path, int imageWidth, int imageHeight)
    {
        RgbImage image = RgbImage.Load(path);
        if (image.Width != imageWidth || image.Height != imageHeight)
            throw new InvalidDataException(
                $"{path}: the mask has {image.Width} x {image.Height} pixels, its image {imageWidth} x {imageHeight}. Both must have one size; redraw or replace the mask.");
        byte[] pixels = new byte[image.Width * image.Height];
        ReadOnlySpan<byte> rgb = image.Pixels;
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)((rgb[3 * i] | rgb[3 * i + 1] | rgb[3 * i + 2]) != 0 ? 255 : 0);
        return new(image.Width, image.Height, pixels);
    }

    /// <summary>The mask at another size: each pixel takes the value at its centre (nearest neighbour).</summary>
    /// <exception cref="ArgumentException">A size below 1.</exception>
    public DefectMask Resize(int width, int height)
    {
        if (width == Width && height == Height)
            return this;
        byte[] resized = new byte[checked(Math.Max(width, 0) * Math.Max(height, 0))];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                resized[y * width + x] = pixels[(int)((2L * y + 1) * Height / (2L * height)) * Width + (int)((2L * x + 1) * Width / (2L * width))];
        return new(width, height, resized);
    }
}
