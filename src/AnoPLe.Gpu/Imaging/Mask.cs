using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Imaging;

/// <summary>A ground-truth mask: one byte per pixel, 1 where the part is defective, 0 elsewhere, row by row. Immutable.</summary>
public sealed class Mask
{
    private readonly byte[] values;

    /// <summary>Wraps mask values; the array is kept, not copied.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="values">Exactly <c>width * height</c> bytes, each 0 or 1.</param>
    /// <exception cref="ArgumentException">A size below 1, an array of another length, or another value.</exception>
    public Mask(int width, int height, byte[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        Require.That(width >= 1 && height >= 1, $"A mask has at least 1 x 1 pixels, got {width} x {height}.");
        Require.That(values.Length == (long)width * height, $"A mask of {width} x {height} takes {(long)width * height} bytes, got {values.Length}.");
        Require.That(!values.AsSpan().ContainsAnyExceptInRange((byte)0, (byte)1),
            $"A mask holds 0 and 1 only, got {values.Max()}. Use Mask.FromImage for grey levels.");
        Width = width;
        Height = height;
        this.values = values;
        IsDefective = values.AsSpan().Contains((byte)1);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>0 or 1 per pixel, row by row.</summary>
    public ReadOnlySpan<byte> Values => values;

    /// <summary>
    /// Whether any pixel is defective: the image's label. Take it before <see cref="Resize"/>, which may lose a small defect.
    /// </summary>
    public bool IsDefective { get; }

    /// <summary>A mask without a defect, for a good image.</summary>
    /// <exception cref="ArgumentException">A size below 1.</exception>
    public static Mask Empty(int width, int height)
    {
        Require.That(width >= 1 && height >= 1, $"A mask has at least 1 x 1 pixels, got {width} x {height}.");
        return new(width, height, new byte[checked(width * height)]);
    }

    /// <summary>Reads a mask file: pixels whose grey level is above the threshold are defective.</summary>
    /// <param name="path">An image file of any kind that <see cref="RgbImage.Load"/> reads.</param>
    /// <param name="threshold">0 to 254. 0 fits masks of any marking colour; 127 fits masks with soft edges.</param>
    /// <param name="maxPixels">Refuse files that declare more pixels.</param>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="InvalidDataException">Not an image that can be read, or 16-bit grey, whose low levels would be lost.</exception>
    /// <exception cref="ArgumentException">Another threshold.</exception>
    public static Mask Load(string path, int threshold = 0, long maxPixels = RgbImage.DefaultMaxPixels)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] file = ImageFile.Read(path);
        // Masks may mark defects by 1: 16-bit samples, of which images keep the high byte, would make such a mask empty without a word.
        if (ImageKind.IsSixteenBitGreyPng(file))
            throw new InvalidDataException($"{path}: is a 16-bit grey PNG, expected an 8-bit mask. Convert it to 8 bits.");
        return FromImage(ImageCodec.Decode(file, path, maxPixels), threshold);
    }

    /// <summary>The mask of an image: pixels whose grey level (ITU-R 601-2, as Pillow's mode "L") is above the threshold are defective.</summary>
    /// <exception cref="ArgumentException">A threshold outside 0 to 254.</exception>
    public static Mask FromImage(RgbImage image, int threshold = 0)
    {
        ArgumentNullException.ThrowIfNull(image);
        Require.That(threshold is >= 0 and <= 254, $"A mask threshold is 0 to 254, got {threshold}.");
        ReadOnlySpan<byte> rgb = image.Pixels;
        byte[] values = new byte[rgb.Length / 3];
        for (int i = 0; i < values.Length; i++)
        {
            // 0.299 R + 0.587 G + 0.114 B in 16 fraction bits, rounded.
            int grey = (rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 + 0x8000) >> 16;
            values[i] = (byte)(grey > threshold ? 1 : 0);
        }
        return new(image.Width, image.Height, values);
    }

    /// <summary>The mask at another size, by Pillow's NEAREST: each pixel takes the value under its centre.</summary>
    /// <exception cref="ArgumentException">A size below 1.</exception>
    public Mask Resize(int width, int height)
    {
        Require.That(width >= 1 && height >= 1, $"A mask is resized to at least 1 x 1 pixels, got {width} x {height}.");
        if (width == Width && height == Height)
            return this;
        int[] columns = Nearest(Width, width), rows = Nearest(Height, height);
        byte[] resized = new byte[checked(width * height)];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                resized[y * width + x] = rows[y] < Height && columns[x] < Width ? values[rows[y] * Width + columns[x]] : (byte)0;
        return new(width, height, resized);
    }

    /// <summary>White where defective, black elsewhere.</summary>
    public RgbImage ToImage()
    {
        byte[] pixels = new byte[checked(3 * values.Length)];
        for (int i = 0; i < values.Length; i++)
            pixels.AsSpan(3 * i, 3).Fill((byte)(255 * values[i]));
        return new(Width, Height, pixels);
    }

    // Pillow adds the step up instead of multiplying; its rounding decides on which side a centre at a pixel border falls.
    private static int[] Nearest(int inputs, int outputs)
    {
        int[] positions = new int[outputs];
        double step = (double)inputs / outputs, position = step * 0.5;
        for (int i = 0; i < outputs; i++, position += step)
            positions[i] = (int)position;
        return positions;
    }
}
