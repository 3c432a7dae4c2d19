using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// An image as packed 8-bit RGB: pixel (x, y) is the three bytes at <c>3 * (y * Width + x)</c>, rows top to bottom, no padding.
/// The values are the stored ones; no colour management. Immutable as long as nobody writes to the array given to the constructor.
/// </summary>
/// <remarks>
/// Pixels of another library enter through the constructor: copy or convert them to packed RGB24 and hand the array over.
/// </remarks>
public sealed class RgbImage
{
    /// <summary>Images that declare more pixels than this are refused before anything is decoded, unless the caller sets another limit.</summary>
    public const long DefaultMaxPixels = 100_000_000;

    private readonly byte[] pixels;

    /// <summary>Wraps packed RGB24 pixels; the array is kept, not copied.</summary>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">Exactly <c>3 * width * height</c> bytes.</param>
    /// <exception cref="ArgumentException">A size below 1, or an array of another length.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        Require.That(width >= 1 && height >= 1, $"An image has at least 1 x 1 pixels, got {width} x {height}.");
        Require.That(pixels.Length == 3L * width * height,
            $"An image of {width} x {height} RGB pixels takes {3L * width * height} bytes, got {pixels.Length}. Pass packed RGB24 without row padding.");
        Width = width;
        Height = height;
        this.pixels = pixels;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>All pixels, packed RGB24, row by row.</summary>
    public ReadOnlySpan<byte> Pixels => pixels;

    /// <summary>The same bytes as <see cref="Pixels"/>, for callers that must keep hold of them.</summary>
    public ReadOnlyMemory<byte> Memory => pixels;

    /// <summary>The <c>3 * Width</c> bytes of row <paramref name="y"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such row.</exception>
    public ReadOnlySpan<byte> Row(int y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(y);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(y, Height);
        return pixels.AsSpan(3 * Width * y, 3 * Width);
    }

    /// <summary>
    /// Reads a PNG, JPEG, BMP, GIF (first frame), WebP or TIFF (first page) file; the content decides, not the name.
    /// </summary>
    /// <remarks>
    /// What comes out is what Pillow's <c>Image.open(path).convert("RGB")</c> gives: EXIF orientation, ICC profile and gamma are ignored,
    /// transparency is dropped and not composited, grey is repeated, CMYK is converted by <c>v = (255 - c)(255 - k) / 255</c>.
    /// 16-bit samples keep their high byte, grey ones too (Pillow 9 clips 16-bit grey at 255, which makes nearly every image white).
    /// Pixels that the first frame of a GIF leaves transparent are black. Damaged and cut files are refused, never filled up.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <param name="maxPixels">Refuse files that declare more pixels.</param>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="InvalidDataException">Not a supported image, damaged, cut, or larger than <paramref name="maxPixels"/>.</exception>
    public static RgbImage Load(string path, long maxPixels = DefaultMaxPixels)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return ImageCodec.Decode(ImageFile.Read(path), path, maxPixels);
    }

    /// <summary>Like <see cref="Load"/>, from the bytes of a file.</summary>
    /// <param name="file">The whole encoded file.</param>
    /// <param name="name">What error messages call it.</param>
    /// <param name="maxPixels">Refuse files that declare more pixels.</param>
    /// <exception cref="InvalidDataException">Not a supported image, damaged, cut, or larger than <paramref name="maxPixels"/>.</exception>
    public static RgbImage Decode(ReadOnlySpan<byte> file, string name = "image", long maxPixels = DefaultMaxPixels) =>
        ImageCodec.Decode(file, name, maxPixels);

    /// <summary>Like <see cref="Load"/>, from a stream, which is read to its end and left open.</summary>
    /// <param name="stream">Stands at the first byte of the encoded file; need not be seekable.</param>
    /// <param name="name">What error messages call it.</param>
    /// <param name="maxPixels">Refuse files that declare more pixels.</param>
    /// <exception cref="InvalidDataException">Not a supported image, damaged, cut, or larger than <paramref name="maxPixels"/>.</exception>
    public static RgbImage Decode(Stream stream, string name = "image", long maxPixels = DefaultMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return ImageCodec.Decode(ImageFile.Read(stream, name), name, maxPixels);
    }

    /// <summary>The image as the bytes of a PNG file.</summary>
    public byte[] EncodePng() => ImageCodec.EncodePng(this);

    /// <summary>Writes a PNG file: to a temporary file beside it, flushed, then renamed, so that no half-written image stays.</summary>
    /// <param name="path">The file; replaced when it exists.</param>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="IOException">The disk is full or not writable; an older file of that name is untouched.</exception>
    public void SavePng(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ImageFile.Write(path, EncodePng());
    }
}
