namespace AnoPLe.Gpu.Imaging;

/// <summary>Refuses the size that a file declares when it is above the limit or when no file of that length can hold it.</summary>
internal static class DeclaredSize
{
    // Deflate's longest match, 258 bytes, takes at least 2 bits.
    private const long DeflateRatio = 1032;

    // Every 8 x 8 block of the first component takes at least one bit: 64 pixels a bit.
    private const long JpegPixelsPerByte = 512;

    /// <summary>To be called before anything of the declared size is allocated.</summary>
    /// <exception cref="InvalidDataException">A size below 1 x 1 or above the limit.</exception>
    public static void RequireWithin(int width, int height, string name, string kind, long maxPixels)
    {
        if (width < 1 || height < 1)
            throw new InvalidDataException($"{name}: this {kind} declares {width} x {height} pixels, expected at least 1 x 1.");
        long pixels = (long)width * height;
        if (pixels > Math.Min(maxPixels, Array.MaxLength / 3))
            throw new InvalidDataException($"{name}: this {kind} declares {width} x {height} = {pixels} pixels, the limit is {maxPixels}. "
                + "Scale the image down, or raise the limit if the file is trusted.");
    }

    /// <summary>For PNG and JPEG, whose densest packing is known.</summary>
    /// <exception cref="InvalidDataException">The file is too short for its size, or a JPEG decoder could be kept busy for hours by it.</exception>
    public static void RequirePossible(ReadOnlySpan<byte> file, int width, int height, string name, string kind)
    {
        bool possible = true;
        if (kind == "PNG" && file.Length > 25)
            possible = (width * (long)BitsPerPixel(file) + 7) / 8 * height <= DeflateRatio * file.Length;
        else if (kind == "JPEG")
        {
            JpegMarkers markers = JpegMarkers.Read(file);
            possible = !markers.IsHuffman || (long)width * height <= JpegPixelsPerByte * file.Length;
            if (markers.IsProgressive && !markers.IsEnded)
                throw new InvalidDataException($"{name}: this progressive JPEG ends in the middle. The file is damaged or cut.");
            if (markers.Scans > JpegMarkers.MaxScans)
                throw new InvalidDataException($"{name}: this JPEG has {markers.Scans} scans, expected at most {JpegMarkers.MaxScans}. "
                    + "Save it again with another program.");
        }
        if (!possible)
            throw new InvalidDataException($"{name}: this {kind} declares {width} x {height} pixels, which cannot come out of {file.Length} bytes. "
                + "The file is damaged or cut.");
    }

    // Bit depth and colour type stand in the PNG header.
    private static int BitsPerPixel(ReadOnlySpan<byte> png) => png[24] * png[25] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
}
