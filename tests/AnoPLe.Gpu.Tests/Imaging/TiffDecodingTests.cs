using System.Buffers.Binary;
using AnoPLe.Gpu.Imaging;
using BitMiracle.LibTiff.Classic;

namespace AnoPLe.Gpu.Tests.Imaging;

/// <summary>Layouts and sample kinds of TIFF, each written with LibTiff and read back.</summary>
public sealed class TiffDecodingTests
{
    private const int Width = 37, Height = 21;

    [Theory]
    [InlineData(Compression.NONE)]
    [InlineData(Compression.LZW)]
    [InlineData(Compression.ADOBE_DEFLATE)]
    [InlineData(Compression.PACKBITS)]
    public void Strips_of_every_lossless_compression(Compression compression) =>
        AssertRgb(Write(Photometric.RGB, 3, 8, (tiff, _) => tiff.SetField(TiffTag.COMPRESSION, compression), (x, y, c) => Value(x, y, c)));

    [Theory]
    [InlineData(Compression.LZW)]
    [InlineData(Compression.ADOBE_DEFLATE)]
    [InlineData(Compression.PACKBITS)]
    public void Damage_to_compressed_files_is_survived(Compression compression)
    {
        byte[] file = Write(Photometric.RGB, 3, 8, (tiff, _) => tiff.SetField(TiffTag.COMPRESSION, compression), Value);
        Random random = new((int)compression);
        for (int round = 0; round < 100; round++)
        {
            byte[] damaged = [.. file];
            for (int i = random.Next(5); i >= 0; i--)
                damaged[8 + random.Next(damaged.Length - 8)] = (byte)random.Next(256);
            try
            {
                Assert.NotNull(RgbImage.Decode(damaged));
            }
            catch (InvalidDataException)
            {
                // Refused: as good as a picture with wrong pixels.
            }
        }
    }

    [Fact]
    public void One_plane_per_channel() =>
        AssertRgb(Write(Photometric.RGB, 3, 8, (tiff, _) => tiff.SetField(TiffTag.PLANARCONFIG, PlanarConfig.SEPARATE), Value, planes: true));

    [Theory, InlineData(3), InlineData(4)]
    public void Tiles(int samples)
    {
        byte[] file = InMemory(tiff =>
        {
            Describe(tiff, Photometric.RGB, samples, 8);
            tiff.SetField(TiffTag.TILEWIDTH, 16);
            tiff.SetField(TiffTag.TILELENGTH, 16);
            tiff.SetField(TiffTag.COMPRESSION, Compression.LZW);
            byte[] tile = new byte[16 * 16 * samples];
            for (int y = 0; y < Height; y += 16)
                for (int x = 0; x < Width; x += 16)
                {
                    for (int i = 0; i < tile.Length; i++)
                        tile[i] = Value(x + i / samples % 16, y + i / samples / 16, i % samples);
                    tiff.WriteTile(tile, 0, x, y, 0, 0);
                }
        });
        AssertRgb(file);
    }

    [Theory, InlineData(ExtraSample.UNASSALPHA), InlineData(ExtraSample.ASSOCALPHA)]
    public void Alpha_is_dropped(ExtraSample kind) =>
        AssertRgb(Write(Photometric.RGB, 4, 8, (tiff, _) => tiff.SetField(TiffTag.EXTRASAMPLES, 1, new[] { (short)kind }), Value));

    [Fact]
    public void Sixteen_bits_keep_the_high_byte() =>
        AssertRgb(Write(Photometric.RGB, 3, 16, null, (x, y, c) => (ushort)(Value(x, y, c) << 8 | 0xFF)));

    [Theory, InlineData(8), InlineData(16)]
    public void Grey_is_repeated(int bits)
    {
        RgbImage image = RgbImage.Decode(Write(Photometric.MINISBLACK, 1, bits, null, (x, y, _) => bits == 8 ? Value(x, y, 0) : (ushort)(Value(x, y, 0) << 8 | 0xEE)));
        AssertPixels(image, (x, y, _) => Value(x, y, 0));
    }

    [Fact]
    public void Inverted_grey_is_turned_round() =>
        AssertPixels(RgbImage.Decode(Write(Photometric.MINISWHITE, 1, 8, null, (x, y, _) => Value(x, y, 0))), (x, y, _) => (byte)(255 - Value(x, y, 0)));

    [Fact]
    public void Inks_are_multiplied_with_black() =>
        AssertPixels(RgbImage.Decode(Write(Photometric.SEPARATED, 4, 8, null, Value)),
            (x, y, c) => (byte)Math.Round((255 - Value(x, y, c)) * (255 - Value(x, y, 3)) / 255.0));

    [Fact]
    public void One_bit_is_black_or_white()
    {
        byte[] file = InMemory(tiff =>
        {
            Describe(tiff, Photometric.MINISBLACK, 1, 1);
            tiff.SetField(TiffTag.COMPRESSION, Compression.CCITTFAX4);
            tiff.SetField(TiffTag.ROWSPERSTRIP, Height);
            for (int y = 0; y < Height; y++)
            {
                byte[] row = new byte[(Width + 7) / 8];
                for (int x = 0; x < Width; x++)
                    if ((x * y) % 3 == 1)
                        row[x / 8] |= (byte)(0x80 >> (x % 8));
                tiff.WriteScanline(row, y);
            }
        });
        AssertPixels(RgbImage.Decode(file), (x, y, _) => (byte)((x * y) % 3 == 1 ? 255 : 0));
    }

    [Fact]
    public void Palettes_are_looked_up()
    {
        ushort[][] map = [.. Enumerable.Range(0, 3).Select(c => Enumerable.Range(0, 256).Select(i => (ushort)(((i * 7 + c * 50) & 255) << 8 | 0x55)).ToArray())];
        byte[] file = Write(Photometric.PALETTE, 1, 8, (tiff, _) => tiff.SetField(TiffTag.COLORMAP, map[0], map[1], map[2]), (x, y, _) => Value(x, y, 0));
        AssertPixels(RgbImage.Decode(file), (x, y, c) => (byte)(Value(x, y, 0) * 7 + c * 50));
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(2, Width - 1, 0)]
    [InlineData(3, Width - 1, Height - 1)]
    [InlineData(4, 0, Height - 1)]
    [InlineData(5, 0, 0)]
    [InlineData(6, 0, Height - 1)]
    [InlineData(7, Width - 1, Height - 1)]
    [InlineData(8, Width - 1, 0)]
    public void Orientation_says_which_stored_pixel_is_top_left(int orientation, int storedX, int storedY)
    {
        RgbImage image = RgbImage.Decode(Write(Photometric.RGB, 3, 8, (tiff, _) => tiff.SetField(TiffTag.ORIENTATION, (Orientation)orientation), Value));
        Assert.Equal(orientation >= 5 ? (Height, Width) : (Width, Height), (image.Width, image.Height));
        // One step right in the picture is a step along the stored row, or along the stored column from orientation 5 on.
        int dx = storedX == 0 ? 1 : -1, dy = storedY == 0 ? 1 : -1;
        for (int y = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++)
            {
                var (sx, sy) = orientation >= 5 ? (storedX + dx * y, storedY + dy * x) : (storedX + dx * x, storedY + dy * y);
                Assert.Equal(Value(sx, sy, 0), image.Row(y)[3 * x]);
            }
    }

    [Fact]
    public void Other_kinds_of_samples_are_refused_by_name()
    {
        byte[] file = InMemory(tiff =>
        {
            Describe(tiff, Photometric.MINISBLACK, 1, 32);
            tiff.SetField(TiffTag.SAMPLEFORMAT, SampleFormat.IEEEFP);
            for (int y = 0; y < Height; y++)
                tiff.WriteScanline(new byte[4 * Width], y);
        });
        Assert.Contains("IEEEFP samples of 32 bits", Assert.Throws<InvalidDataException>(() => RgbImage.Decode(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(256, 2_000_000_000)] // width
    [InlineData(257, 2_000_000_000)] // height
    [InlineData(257, 60_000)] // within the limit, but not in a file of this length
    [InlineData(273, 0x7FFF_FFF0)] // where the pixels begin
    public void Sizes_and_offsets_beyond_the_file_are_refused_before_memory_is_taken(int tag, int value)
    {
        byte[] file = Write(Photometric.RGB, 3, 8, (tiff, _) => tiff.SetField(TiffTag.ROWSPERSTRIP, Height), Value);
        int directory = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(4)), entries = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(directory));
        for (int entry = directory + 2; entry < directory + 2 + 12 * entries; entry += 12)
            if (BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(entry)) == tag)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(entry + 2), 4); // LONG
                BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(entry + 8), value);
            }
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidDataException>(() => RgbImage.Decode(file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private static byte Value(int x, int y, int c) => (byte)(x * 5 + y * 11 + c * 70 + (x ^ y));

    private static void AssertRgb(byte[] file) => AssertPixels(RgbImage.Decode(file), Value);

    private static void AssertPixels(RgbImage image, Func<int, int, int, byte> expected)
    {
        Assert.Equal((Width, Height), (image.Width, image.Height));
        for (int y = 0; y < Height; y++)
            for (int x = 0; x < Width; x++)
                for (int c = 0; c < 3; c++)
                    Assert.True(expected(x, y, c) == image.Row(y)[3 * x + c], $"({x}, {y}, {c}): expected {expected(x, y, c)}, got {image.Row(y)[3 * x + c]}");
    }

    private static byte[] Write(Photometric photometric, int samples, int bits, Action<Tiff, int>? more, Func<int, int, int, byte> value, bool planes = false) =>
        Write(photometric, samples, bits, more, (x, y, c) => (ushort)value(x, y, c), planes);

    private static byte[] Write(Photometric photometric, int samples, int bits, Action<Tiff, int>? more, Func<int, int, int, ushort> value, bool planes = false) =>
        InMemory(tiff =>
        {
            Describe(tiff, photometric, samples, bits);
            tiff.SetField(TiffTag.ROWSPERSTRIP, 8);
            more?.Invoke(tiff, samples);
            int inRow = planes ? 1 : samples;
            for (int plane = 0; plane < (planes ? samples : 1); plane++)
                for (int y = 0; y < Height; y++)
                {
                    byte[] row = new byte[Width * inRow * bits / 8];
                    for (int i = 0; i < Width * inRow; i++)
                        if (bits == 8)
                            row[i] = (byte)value(i / inRow, y, planes ? plane : i % inRow);
                        else
                            BinaryPrimitives.WriteUInt16LittleEndian(row.AsSpan(2 * i), value(i / inRow, y, i % inRow));
                    Assert.True(tiff.WriteScanline(row, y, (short)plane));
                }
        });

    private static void Describe(Tiff tiff, Photometric photometric, int samples, int bits)
    {
        tiff.SetField(TiffTag.IMAGEWIDTH, Width);
        tiff.SetField(TiffTag.IMAGELENGTH, Height);
        tiff.SetField(TiffTag.SAMPLESPERPIXEL, samples);
        tiff.SetField(TiffTag.BITSPERSAMPLE, bits);
        tiff.SetField(TiffTag.PHOTOMETRIC, photometric);
        tiff.SetField(TiffTag.PLANARCONFIG, PlanarConfig.CONTIG);
    }

    private static byte[] InMemory(Action<Tiff> write)
    {
        using MemoryStream stream = new();
        using Tiff tiff = Tiff.ClientOpen("test", "wl", stream, new TiffStream());
        write(tiff);
        Assert.True(tiff.WriteDirectory());
        return stream.ToArray();
    }
}
