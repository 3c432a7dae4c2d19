using System.Globalization;

namespace AnoPLe.Gpu.Imaging;

/// <summary>Tells file kinds apart by their first bytes; names and extensions play no part.</summary>
internal static class ImageKind
{
    public const string Tiff = "TIFF";

    /// <summary>The kind of a supported image file, or null.</summary>
    public static string? Of(ReadOnlySpan<byte> file) =>
        file.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]) ? "PNG"
        : file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8]) ? "JPEG"
        : file.StartsWith("BM"u8) && file.Length >= 26 ? "BMP"
        : file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8) ? "GIF"
        : file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8) ? "WebP"
        : file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) ? Tiff
        : null;

    /// <summary>Whether this is a PNG file with 16-bit grey samples, by its header (bit depth and colour type, bytes 24 and 25).</summary>
    public static bool IsSixteenBitGreyPng(ReadOnlySpan<byte> file) => Of(file) == "PNG" && file.Length > 25 && file[24] == 16 && file[25] is (0 or 4);

    /// <summary>What an unsupported file seems to be, for an error message.</summary>
    public static string Describe(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty)
            return "an empty file";
        if (file.Length >= 12 && file[4..].StartsWith("ftyp"u8))
            return "an AVIF, HEIF or MP4 file";
        if (file.StartsWith("II+\0"u8) || file.StartsWith("MM\0+"u8))
            return "a BigTIFF file";
        if (file.StartsWith("%PDF"u8))
            return "a PDF file";
        if (file.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]))
            return "a gzip file";
        if (file.StartsWith("PK\u0003\u0004"u8))
            return "a ZIP file";
        ReadOnlySpan<byte> start = file[..Math.Min(file.Length, 64)];
        bool text = !start.ContainsAnyInRange((byte)0, (byte)8) && !start.Contains((byte)127);
        return text ? "text"
            : string.Create(CultureInfo.InvariantCulture, $"{file.Length} bytes beginning with {Convert.ToHexString(start[..Math.Min(8, start.Length)])}");
    }
}
