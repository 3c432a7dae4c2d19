using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// Bicubic resampling that gives, bit for bit, what Pillow's <c>Image.resize(size, Image.BICUBIC)</c> gives for 8-bit RGB: the filter that
/// CLIP was trained with. It widens its support when it scales down (antialiasing), works in fixed point, and rounds to 8 bits between the
/// horizontal and the vertical pass.
/// </summary>
public static class BicubicResize
{
    // Taps come in groups of 8 pixels = 24 bytes = three vectors of 8 integers; weights of the missing taps are zero.
    private const int Group = 8, GroupBytes = 3 * Group;

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
        BicubicTaps taps = new(sourceWidth, width);
        int groups = (taps.MaxCount + Group - 1) / Group;
        int[] weights = PerByte(taps, groups);
        // A row with room behind it, so that the last group may read past the last pixel (times zero).
        byte[] padded = ArrayPool<byte>.Shared.Rent(3 * sourceWidth + groups * GroupBytes);
        padded.AsSpan().Clear();
        try
        {
            for (int y = 0; y < rows; y++)
            {
                source.Slice(3 * sourceWidth * y, 3 * sourceWidth).CopyTo(padded);
                HorizontalRow(padded, taps, weights, groups, target.AsSpan(3 * width * y, 3 * width));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(padded);
        }
        return target;
    }

    /// <summary>Every weight three times, once per channel byte of its pixel: [out, groups * 24].</summary>
    private static int[] PerByte(BicubicTaps taps, int groups)
    {
        int stride = groups * GroupBytes;
        int[] weights = new int[taps.Outputs * stride];
        for (int i = 0; i < taps.Outputs; i++)
        {
            ReadOnlySpan<int> row = taps.Weights(i);
            for (int k = 0; k < row.Length; k++)
                weights.AsSpan(i * stride + 3 * k, 3).Fill(row[k]);
        }
        return weights;
    }

    private static void HorizontalRow(ReadOnlySpan<byte> row, BicubicTaps taps, int[] weights, int groups, Span<byte> target)
    {
        Span<int> lanes = stackalloc int[GroupBytes];
        ref byte pixels = ref MemoryMarshal.GetReference(row);
        ref int w = ref MemoryMarshal.GetArrayDataReference(weights);
        nuint weight = 0;
        for (int x = 0; x < taps.Outputs; x++)
        {
            Vector256<int> a = default, b = default, c = default; // bytes 0-7, 8-15, 16-23 of every group
            nuint pixel = (nuint)(3 * taps.First(x));
            for (int g = 0; g < groups; g++, pixel += GroupBytes, weight += GroupBytes)
            {
                a += Widen(ref pixels, pixel) * Vector256.LoadUnsafe(ref w, weight);
                b += Widen(ref pixels, pixel + 8) * Vector256.LoadUnsafe(ref w, weight + 8);
                c += Widen(ref pixels, pixel + 16) * Vector256.LoadUnsafe(ref w, weight + 16);
            }
            a.CopyTo(lanes);
            b.CopyTo(lanes[8..]);
            c.CopyTo(lanes[16..]);
            for (int channel = 0; channel < 3; channel++)
            {
                int sum = BicubicTaps.Half;
                for (int i = channel; i < GroupBytes; i += 3)
                    sum += lanes[i];
                target[3 * x + channel] = BicubicTaps.Round(sum);
            }
        }
    }

    private static byte[] Vertical(ReadOnlySpan<byte> source, int sourceRows, int width, int height)
    {
        BicubicTaps taps = new(sourceRows, height);
        int rowBytes = 3 * width;
        byte[] target = new byte[rowBytes * height];
        ref byte pixels = ref MemoryMarshal.GetReference(source);
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<int> weights = taps.Weights(y);
            nuint first = (nuint)taps.First(y) * (nuint)rowBytes;
            Span<byte> output = target.AsSpan(y * rowBytes, rowBytes);
            int x = 0;
            for (; x <= rowBytes - 8; x += 8)
            {
                Vector256<int> sum = Vector256.Create(BicubicTaps.Half);
                nuint offset = first + (nuint)x;
                foreach (int weight in weights)
                {
                    sum += Widen(ref pixels, offset) * Vector256.Create(weight);
                    offset += (nuint)rowBytes;
                }
                for (int i = 0; i < 8; i++)
                    output[x + i] = BicubicTaps.Round(sum[i]);
            }
            for (; x < rowBytes; x++)
            {
                int sum = BicubicTaps.Half;
                int offset = taps.First(y) * rowBytes + x;
                foreach (int weight in weights)
                {
                    sum += source[offset] * weight;
                    offset += rowBytes;
                }
                output[x] = BicubicTaps.Round(sum);
            }
        }
        return target;
    }

    /// <summary>Eight bytes as eight integers.</summary>
    private static Vector256<int> Widen(ref byte pixels, nuint offset)
    {
        Vector128<ushort> words = Vector128.WidenLower(Vector128.LoadUnsafe(ref pixels, offset));
        return Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32();
    }
}
