using System.Buffers.Binary;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// Checks a TIFF file's first directory before LibTiff sees it: LibTiff allocates whatever a tag's count or the image's size declares.
/// (TIFF 6.0, section 2.)
/// </summary>
internal static class TiffHeader
{
    private const int EntryBytes = 12, MaxSide = 1_000_000, MinTileSide = 16;

    /// <summary>Refuses values that lie outside the file, sizes above the limits, and tiles smaller than the format allows.</summary>
    /// <exception cref="InvalidDataException">Any of these.</exception>
    public static void Check(ReadOnlySpan<byte> file, string name, long maxPixels)
    {
        bool little = file[0] == 'I';
        long directory = file.Length >= 8 ? U32(file, 4, little) : long.MaxValue;
        if (directory < 8 || directory + 2 > file.Length)
            throw Damaged(name, "its directory lies outside the file");
        int entries = U16(file, (int)directory, little);
        if (directory + 2 + (long)entries * EntryBytes > file.Length)
            throw Damaged(name, $"its directory of {entries} entries runs past the end of the file");
        long width = 0, height = 0, tileWidth = MinTileSide, tileHeight = MinTileSide;
        for (int i = 0; i < entries; i++)
        {
            int entry = (int)directory + 2 + i * EntryBytes;
            int tag = U16(file, entry, little), type = U16(file, entry + 2, little);
            long count = U32(file, entry + 4, little), bytes = count * TypeBytes(type);
            if (bytes > 4 && U32(file, entry + 8, little) + bytes > file.Length)
                throw Damaged(name, $"tag {tag} with {count} values runs past the end of the file");
            if (tag is not (256 or 257 or 322 or 323))
                continue;
            if (count != 1 || type is not (3 or 4))
                throw Damaged(name, $"tag {tag}, a size, has type {type} and {count} values");
            long value = type == 3 ? U16(file, entry + 8, little) : U32(file, entry + 8, little);
            switch (tag)
            {
                case 256: width = value; break;
                case 257: height = value; break;
                case 322: tileWidth = value; break;
                default: tileHeight = value; break;
            }
        }
        if (tileWidth < MinTileSide || tileHeight < MinTileSide)
            throw Damaged(name, $"it declares tiles of {tileWidth} x {tileHeight} pixels, expected at least {MinTileSide} x {MinTileSide}");
        if (width > MaxSide || height > MaxSide || tileWidth > MaxSide || tileHeight > MaxSide)
            throw new InvalidDataException($"{name}: this TIFF declares {width} x {height} pixels in parts of up to {tileWidth} x {tileHeight}, "
                + $"the limit is {MaxSide} a side.");
        DeclaredSize.RequireWithin((int)width, (int)height, name, ImageKind.Tiff, maxPixels);
    }

    private static int TypeBytes(int type) => type switch
    {
        3 or 8 => 2,
        4 or 9 or 11 or 13 => 4,
        5 or 10 or 12 => 8,
        _ => 1,
    };

    private static int U16(ReadOnlySpan<byte> file, int at, bool little) =>
        little ? BinaryPrimitives.ReadUInt16LittleEndian(file[at..]) : BinaryPrimitives.ReadUInt16BigEndian(file[at..]);

    private static long U32(ReadOnlySpan<byte> file, int at, bool little) =>
        little ? BinaryPrimitives.ReadUInt32LittleEndian(file[at..]) : BinaryPrimitives.ReadUInt32BigEndian(file[at..]);

    private static InvalidDataException Damaged(string name, string what) => new($"{name}: this TIFF cannot be decoded: {what}. The file is damaged or cut.");
}
