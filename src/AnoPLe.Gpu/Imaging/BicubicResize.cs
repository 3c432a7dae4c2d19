using System.Buffers;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// Bicubic resampling that gives, bit for bit, what Pillow's <c>Image.resize(size, Image.BICUBIC)</c> gives for 8-bit RGB: the filter that
/// CLIP was trained with. It widens its support when it scales down (antialiasing), works in fixed point, and rounds to 8 bits between the
/// horizontal and the vertical pass.
/// </summary>
public static class BicubicResize
{
    /// <summary>The image at another size; the aspect ratio is not kept. The same size gives the same image object.</summary>
    /// <param name="image">Any size from 1 x 1.</param>
    /// <param name="width">Columns of the result, at least 1.</param>
    /// <param name="height">Rows of the result, at least 1.</param>
    /// <exception cref="ArgumentException">A size below 1, or a result above <see cref="RgbImage.DefaultMaxPixels"/> pixels.</exception>
    /// <remarks>Thread-safe. Takes a temporary buffer of 3 x <paramref name="width"/> x image rows bytes from the shared pool.</remarks>
    public static RgbImage Resize(RgbImage image, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(image);
        Require.That(width >= 1 && height >= 1, $"An image is resized to at least 1 x 1 pixels, got {width} x {height}.");
        Require.That((long)width * height <= RgbImage.DefaultMaxPixels,
            $"The resized image would have {width} x {height} pixels, the limit is {RgbImage.DefaultMaxPixels}. Ask for a smaller size.");
        if (image.Width == width && image.Height == height)
            return image;
        if (image.Height == height)
            return new(width, height, Horizontal(image.Pixels, image.Width, height, width, new byte[3 * width * height]));
        if (image.Width == width)
            return new(width, height, Vertical(image.Pixels, image.Height, width, height));
        long middleBytes = 3L * width * image.Height;
        Require.That(middleBytes <= Array.MaxLength, $"Resizing {image.Width} x {image.Height} to {width} x {height} takes a buffer of {middleBytes} bytes.");
        byte[] middle = ArrayPool<byte>.Shared.Rent((int)middleBytes);
        try
        {
            Horizontal(image.Pixels, image.Width, image.Height, width, middle);
            return new(width, height, Vertical(middle.AsSpan(0, (int)middleBytes), image.Height, width, height));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(middle);
        }
    }

    private static byte[] Horizontal(ReadOnlySpan<byte> source, int sourceWidth, int rows, int width, byte[] target)
    {
        BicubicColumns columns = new(new BicubicTaps(sourceWidth, width));
        byte[] padded = ArrayPool<byte>.Shared.Rent(columns.PaddedLength);
        try
        {
            for (int y = 0; y < rows; y++)
            {
                source.Slice(3 * sourceWidth * y, 3 * sourceWidth).CopyTo(padded);
                columns.Apply(padded, target.AsSpan(3 * width * y, 3 * width));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(padded);
        }
        return target;
    }

    private static byte[] Vertical(ReadOnlySpan<byte> source, int sourceRows, int width, int height)
    {
        BicubicTaps taps = new(sourceRows, height);
        int rowBytes = 3 * width;
        byte[] target = new byte[rowBytes * height];
        for (int y = 0; y < height; y++)
            BicubicRows.Apply(source, 0, taps, y, target.AsSpan(y * rowBytes, rowBytes));
        return target;
    }
}
