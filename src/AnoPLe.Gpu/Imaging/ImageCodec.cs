using System.Runtime.InteropServices;
using SkiaSharp;

namespace AnoPLe.Gpu.Imaging;

/// <summary>Encoded files to <see cref="RgbImage"/> and back. The only file that names SkiaSharp; TIFF goes to <see cref="TiffDecoder"/>.</summary>
internal static class ImageCodec
{
    private const string Supported = "PNG, JPEG, BMP, GIF, WebP, TIFF";

    /// <summary>See <see cref="RgbImage.Load"/>. Nothing of the declared size is allocated before it has been checked.</summary>
    public static RgbImage Decode(ReadOnlySpan<byte> file, string name, long maxPixels)
    {
        string kind = ImageKind.Of(file) ?? throw new InvalidDataException(
            $"{name}: not an image that can be read (got {ImageKind.Describe(file)}, supported: {Supported}).");
        return kind == ImageKind.Tiff ? TiffDecoder.Decode(file, name, maxPixels) : DecodeSkia(file, kind, name, maxPixels);
    }

    /// <summary>PNG, 8-bit RGB, no alpha, no metadata.</summary>
    public static byte[] EncodePng(RgbImage image)
    {
        SKImageInfo info = new(image.Width, image.Height, SKColorType.Rgb888x, SKAlphaType.Opaque);
        using SKBitmap bitmap = new(info);
        unsafe
        {
            for (int y = 0; y < image.Height; y++)
                Expand(image.Row(y), new Span<byte>((byte*)bitmap.GetPixels() + (long)y * bitmap.RowBytes, 4 * image.Width));
        }
        using SKPixmap pixels = bitmap.PeekPixels();
        using SKData data = pixels.Encode(new SKPngEncoderOptions(SKPngEncoderFilterFlags.Up, 4))
            ?? throw new InvalidOperationException($"The {image.Width} x {image.Height} image could not be encoded as PNG.");
        return data.ToArray();
    }

    private static unsafe RgbImage DecodeSkia(ReadOnlySpan<byte> file, string kind, string name, long maxPixels)
    {
        fixed (byte* bytes = file)
        {
            using SKData data = SKData.Create((IntPtr)bytes, file.Length, static (_, _) => { });
            using SKMemoryStream stream = new(data);
            using SKCodec codec = SKCodec.Create(stream, out SKCodecResult opened)
                ?? throw new InvalidDataException($"{name}: the {kind} header cannot be read ({opened}). The file is damaged or cut.");
            int width = codec.Info.Width, height = codec.Info.Height;
            DeclaredSize.RequireWithin(width, height, name, kind, maxPixels);
            DeclaredSize.RequirePossible(file, width, height, name, kind);
            // No colour space: the stored values, unconverted. Unpremul: colours under transparency survive.
            SKImageInfo info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul, null);
            byte* rgba = (byte*)NativeMemory.AllocZeroed((nuint)((long)width * height), 4);
            try
            {
                SKCodecResult decoded = codec.GetPixels(info, (IntPtr)rgba);
                if (decoded != SKCodecResult.Success)
                    throw new InvalidDataException(
                        $"{name}: the pixels of this {width} x {height} {kind} cannot be decoded ({decoded}). The file is damaged or cut.");
                return Pack(rgba, width, height);
            }
            finally
            {
                NativeMemory.Free(rgba);
            }
        }
    }

    private static unsafe RgbImage Pack(byte* rgba, int width, int height)
    {
        byte[] rgb = GC.AllocateUninitializedArray<byte>(3 * width * height);
        int count = width * height;
        for (int i = 0; i < count; i++)
        {
            rgb[3 * i] = rgba[4L * i];
            rgb[3 * i + 1] = rgba[4L * i + 1];
            rgb[3 * i + 2] = rgba[4L * i + 2];
        }
        return new(width, height, rgb);
    }

    private static void Expand(ReadOnlySpan<byte> rgb, Span<byte> rgbx)
    {
        for (int i = 0, o = 0; i < rgb.Length; i += 3, o += 4)
        {
            rgbx[o] = rgb[i];
            rgbx[o + 1] = rgb[i + 1];
            rgbx[o + 2] = rgb[i + 2];
            rgbx[o + 3] = 255;
        }
    }
}
