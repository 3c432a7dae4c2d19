using System.Globalization;
using BitMiracle.LibTiff.Classic;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// First page of a TIFF file as RGB, with LibTiff undoing the compression. The samples are converted here because LibTiff's own RGBA
/// reader multiplies colours with alpha. The only file that names LibTiff.
/// </summary>
/// <remarks>
/// Unsigned samples of 1, 2, 4, 8 or 16 bits (the high byte counts); grey, inverted grey, palette, RGB, CMYK, and YCbCr inside JPEG
/// compression; strips or tiles; interleaved or, except CMYK, one plane per channel. The orientation tag is honoured, as Pillow does for TIFF.
/// </remarks>
internal sealed class TiffDecoder
{
    private const int MaxSamples = 16;

    private readonly Tiff tiff;
    private readonly string name;
    private readonly int width, height, bits, samples, blockWidth, blockHeight;
    private readonly Photometric photometric;
    private readonly bool tiled, planes;
    private readonly byte[][] palette;
    private readonly byte[] rgb;

    static TiffDecoder() => Tiff.SetErrorHandler(new Errors());

    private TiffDecoder(Tiff tiff, string name, long maxPixels, long fileBytes)
    {
        this.tiff = tiff;
        this.name = name;
        width = Tag(TiffTag.IMAGEWIDTH, 0);
        height = Tag(TiffTag.IMAGELENGTH, 0);
        DeclaredSize.RequireWithin(width, height, name, ImageKind.Tiff, maxPixels);
        bits = Tag(TiffTag.BITSPERSAMPLE, 1);
        samples = Tag(TiffTag.SAMPLESPERPIXEL, 1);
        planes = samples > 1 && Tag(TiffTag.PLANARCONFIG, (int)PlanarConfig.CONTIG) == (int)PlanarConfig.SEPARATE;
        photometric = (Photometric)Tag(TiffTag.PHOTOMETRIC, (int)Photometric.MINISBLACK);
        if (photometric == Photometric.YCBCR && Tag(TiffTag.COMPRESSION, 1) == (int)Compression.JPEG)
        {
            tiff.SetField(TiffTag.JPEGCOLORMODE, JpegColorMode.RGB);
            photometric = Photometric.RGB;
        }
        RequireSupported();
        tiled = tiff.IsTiled();
        blockWidth = tiled ? Tag(TiffTag.TILEWIDTH, 0) : width;
        blockHeight = tiled ? Tag(TiffTag.TILELENGTH, 0) : Math.Clamp(Tag(TiffTag.ROWSPERSTRIP, height), 1, height);
        DeclaredSize.RequireWithin(blockWidth, blockHeight, name, "TIFF tile", maxPixels);
        RequirePlausible(fileBytes);
        palette = photometric == Photometric.PALETTE ? ReadPalette() : [];
        rgb = new byte[3 * width * height];
    }

    private int Channels => photometric is Photometric.RGB or Photometric.SEPARATED ? 3 : 1;

    /// <summary>See <see cref="RgbImage.Load"/>.</summary>
    public static RgbImage Decode(ReadOnlySpan<byte> file, string name, long maxPixels)
    {
        TiffHeader.Check(file, name, maxPixels);
        Errors.First = null;
        using MemoryStream stream = new(file.ToArray(), writable: false);
        try
        {
            using Tiff tiff = Tiff.ClientOpen(name, "r", stream, new TiffStream())
                ?? throw new InvalidDataException($"{name}: the TIFF header cannot be read ({Errors.First}). The file is damaged or cut.");
            TiffDecoder decoder = new(tiff, name, maxPixels, file.Length);
            decoder.Read();
            return decoder.Oriented();
        }
        // LibTiff runs into its own array bounds on some damaged files.
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentException or NullReferenceException or OverflowException
            or InvalidCastException or DivideByZeroException or EndOfStreamException or FormatException)
        {
            throw new InvalidDataException($"{name}: this TIFF cannot be decoded ({Errors.First ?? e.Message}). The file is damaged or cut.", e);
        }
    }

    private int Tag(TiffTag tag, int missing) => tiff.GetFieldDefaulted(tag) is { Length: > 0 } value ? value[0].ToInt() : missing;

    private void RequireSupported()
    {
        SampleFormat format = (SampleFormat)Tag(TiffTag.SAMPLEFORMAT, (int)SampleFormat.UINT);
        int needed = photometric switch
        {
            Photometric.MINISBLACK or Photometric.MINISWHITE or Photometric.PALETTE => 1,
            Photometric.RGB => 3,
            Photometric.SEPARATED when !planes => 4,
            _ => int.MaxValue,
        };
        bool depth = needed == 1 ? bits is 1 or 2 or 4 or 8 or 16 : bits is 8 or 16;
        if (samples < needed || samples > MaxSamples || !depth || (photometric == Photometric.PALETTE && bits > 8) || format != SampleFormat.UINT)
            throw new InvalidDataException($"{name}: this TIFF holds {samples} {format} samples of {bits} bits, {photometric}, which is not supported. "
                + "Convert it to 8-bit RGB or PNG.");
    }

    // No codec of TIFF packs tighter; a file that declares more than it can hold is refused before memory for it is taken.
    private void RequirePlausible(long fileBytes)
    {
        long ratio = (Compression)Tag(TiffTag.COMPRESSION, 1) switch
        {
            Compression.NONE => 1,
            Compression.CCITTRLE or Compression.CCITTRLEW or Compression.CCITTFAX3 or Compression.CCITTFAX4 => 20_000,
            _ => 2_000,
        };
        long bytes = ((long)width * samples * bits + 7) / 8 * height;
        if (bytes > ratio * fileBytes)
            throw new InvalidDataException($"{name}: this TIFF declares {width} x {height} pixels of {samples} samples, {bytes} bytes, "
                + $"which cannot come out of {fileBytes}. The file is damaged or cut.");
    }

    private byte[][] ReadPalette()
    {
        FieldValue[] map = tiff.GetField(TiffTag.COLORMAP) ?? throw new InvalidDataException($"{name}: this palette TIFF has no colour map.");
        return [.. map.Take(3).Select(channel => channel.ToShortArray().Select(value => (byte)((ushort)value >> 8)).ToArray())];
    }

    private void Read()
    {
        int perPlane = planes ? 1 : samples;
        int rowBytes = (int)(((long)blockWidth * perPlane * bits + 7) / 8);
        long blockBytes = tiled ? tiff.TileSize() : tiff.StripSize();
        if (blockBytes < (long)rowBytes * blockHeight && tiled)
            throw new InvalidDataException(
                $"{name}: a TIFF tile of {blockWidth} x {blockHeight} takes {blockBytes} bytes, expected {(long)rowBytes * blockHeight}.");
        byte[] block = new byte[Math.Max(blockBytes, (long)rowBytes * blockHeight)];
        for (int plane = 0; plane < (planes ? Channels : 1); plane++)
            for (int y = 0; y < height; y += blockHeight)
                for (int x = 0; x < width; x += blockWidth)
                {
                    int rows = Math.Min(blockHeight, height - y);
                    int read = tiled
                        ? tiff.ReadEncodedTile(tiff.ComputeTile(x, y, 0, (short)plane), block, 0, block.Length)
                        : tiff.ReadEncodedStrip(tiff.ComputeStrip(y, (short)plane), block, 0, rows * rowBytes);
                    if (read < rows * rowBytes)
                        throw new InvalidDataException(
                            $"{name}: the TIFF pixels at row {y} cannot be read ({Errors.First ?? "too few bytes"}). The file is damaged or cut.");
                    for (int row = 0; row < rows; row++)
                        Convert(block.AsSpan(row * rowBytes, rowBytes), x, y + row, perPlane, plane);
                }
    }

    /// <summary>One row of a block to the pixels from (x0, y) on.</summary>
    private void Convert(ReadOnlySpan<byte> row, int x0, int y, int perPlane, int plane)
    {
        int count = Math.Min(blockWidth, width - x0);
        Span<byte> target = rgb.AsSpan(3 * (y * width + x0), 3 * count);
        for (int i = 0; i < count; i++)
        {
            Span<byte> pixel = target.Slice(3 * i, 3);
            int first = i * perPlane;
            if (photometric == Photometric.SEPARATED)
                for (int c = 0; c < 3; c++)
                    pixel[c] = MultiplyDiv255(255 - Sample(row, first + c), 255 - Sample(row, first + 3));
            else if (photometric == Photometric.RGB && planes)
                pixel[plane] = Sample(row, i);
            else if (photometric == Photometric.RGB)
                for (int c = 0; c < 3; c++)
                    pixel[c] = Sample(row, first + c);
            else if (photometric == Photometric.PALETTE)
                for (int c = 0; c < 3; c++)
                    pixel[c] = palette[c][Raw(row, first)];
            else
                pixel.Fill(photometric == Photometric.MINISWHITE ? (byte)(255 - Sample(row, first)) : Sample(row, first));
        }
    }

    /// <summary>Sample number <paramref name="index"/> of a row, scaled to 0..255; the high byte of 16 bits (LibTiff has made them little endian).</summary>
    private byte Sample(ReadOnlySpan<byte> row, int index) => bits switch
    {
        8 => row[index],
        16 => row[2 * index + (BitConverter.IsLittleEndian ? 1 : 0)],
        _ => (byte)(Raw(row, index) * (255 / ((1 << bits) - 1))),
    };

    private int Raw(ReadOnlySpan<byte> row, int index)
    {
        if (bits == 8)
            return row[index];
        int bit = index * bits;
        return row[bit >> 3] >> (8 - bits - (bit & 7)) & ((1 << bits) - 1);
    }

    private static byte MultiplyDiv255(int a, int b)
    {
        int t = a * b + 128;
        return (byte)(((t >> 8) + t) >> 8);
    }

    /// <summary>TIFF 6.0, tag 274: 2..4 mirror or turn by 180 degrees, 5..8 also exchange rows and columns.</summary>
    private RgbImage Oriented()
    {
        int orientation = Tag(TiffTag.ORIENTATION, 1);
        if (orientation is < 2 or > 8)
            return new(width, height, rgb);
        bool exchange = orientation >= 5;
        bool mirrorX = orientation is 2 or 3 or 7 or 8, mirrorY = orientation is 3 or 4 or 6 or 7;
        int w = exchange ? height : width, h = exchange ? width : height;
        byte[] turned = new byte[rgb.Length];
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
            {
                int sx = exchange ? y : x, sy = exchange ? x : y;
                int source = 3 * ((mirrorY ? height - 1 - sy : sy) * width + (mirrorX ? width - 1 - sx : sx));
                rgb.AsSpan(source, 3).CopyTo(turned.AsSpan(3 * (y * w + x)));
            }
        return new(w, h, turned);
    }

    /// <summary>
    /// Keeps LibTiff's first message on this thread for the exception, and its output off the console. LibTiff knows one handler per process.
    /// </summary>
    private sealed class Errors : TiffErrorHandler
    {
        [ThreadStatic]
        private static string? first;

        public static string? First
        {
            get => first;
            set => first = value;
        }

        public override void ErrorHandler(Tiff tif, string method, string format, params object[] args) =>
            first ??= args is { Length: > 0 } ? string.Format(CultureInfo.InvariantCulture, format, args) : format;

        public override void ErrorHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
        {
        }

        public override void WarningHandler(Tiff tif, string method, string format, params object[] args)
        {
        }

        public override void WarningHandlerExt(Tiff tif, object clientData, string method, string format, params object[] args)
        {
        }
    }
}
