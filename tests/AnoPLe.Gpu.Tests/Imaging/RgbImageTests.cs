using System.IO.Compression;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Imaging;

public sealed class RgbImageTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("anople-image-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(1, 0, 0)]
    [InlineData(-1, -1, 3)]
    [InlineData(2, 2, 11)]
    [InlineData(2, 2, 13)]
    [InlineData(50_000, 50_000, 3)]
    public void Refuses_sizes_that_do_not_fit(int width, int height, int bytes) =>
        Assert.Throws<ArgumentException>(() => new RgbImage(width, height, new byte[bytes]));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 77)]
    [InlineData(130, 3)]
    public void Png_gives_back_every_byte(int width, int height)
    {
        RgbImage image = Noise(width, height);
        RgbImage decoded = RgbImage.Decode(image.EncodePng());
        Assert.Equal((width, height), (decoded.Width, decoded.Height));
        Assert.Equal(image.Pixels.ToArray(), decoded.Pixels.ToArray());
    }

    [Fact]
    public void Saves_over_an_older_file_and_leaves_nothing_else()
    {
        string path = Path.Combine(folder, "a.png");
        File.WriteAllText(path, "old");
        RgbImage image = Noise(9, 5);
        image.SavePng(path);
        Assert.Equal(image.Pixels.ToArray(), RgbImage.Load(path).Pixels.ToArray());
        Assert.Equal([path], Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void A_failed_save_leaves_nothing()
    {
        string taken = Path.Combine(folder, "taken.png");
        Directory.CreateDirectory(Path.Combine(taken, "inside")); // a folder cannot be replaced by a file
        Assert.ThrowsAny<Exception>(() => Noise(9, 5).SavePng(taken));
        Assert.Equal([taken], Directory.GetFileSystemEntries(folder));
        Assert.Throws<DirectoryNotFoundException>(() => Noise(2, 2).SavePng(Path.Combine(folder, "missing", "a.png")));
    }

    [Fact]
    public void Missing_files_and_folders_are_named()
    {
        string missing = Path.Combine(folder, "no.png");
        Assert.Contains(missing, Assert.Throws<FileNotFoundException>(() => RgbImage.Load(missing)).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Assert.Throws<FileNotFoundException>(() => RgbImage.Load(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Streams_need_not_seek_and_stay_open()
    {
        RgbImage image = Noise(40, 30);
        using MemoryStream packed = new();
        using (GZipStream zip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            zip.Write(image.EncodePng());
        packed.Position = 0;
        using GZipStream unseekable = new(packed, CompressionMode.Decompress);
        Assert.Equal(image.Pixels.ToArray(), RgbImage.Decode(unseekable).Pixels.ToArray());
        using MemoryStream second = new([1, 2, .. image.EncodePng()]) { Position = 2 };
        Assert.Equal(image.Pixels.ToArray(), RgbImage.Decode(second).Pixels.ToArray());
        Assert.True(second.CanRead);
    }

    [Theory]
    [InlineData(new byte[0], "an empty file")]
    [InlineData(new byte[] { 104, 101, 108, 108, 111 }, "text")]
    [InlineData(new byte[] { 0x1F, 0x8B, 8, 0 }, "a gzip file")]
    [InlineData(new byte[] { 0, 1, 2, 3 }, "4 bytes beginning with 00010203")]
    public void What_is_no_image_is_described(byte[] file, string description)
    {
        string message = Assert.Throws<InvalidDataException>(() => RgbImage.Decode(file, "part 7")).Message;
        Assert.StartsWith("part 7: not an image that can be read", message, StringComparison.Ordinal);
        Assert.Contains($"got {description}, supported: PNG, JPEG", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_pixel_limit_can_be_set()
    {
        byte[] file = Noise(20, 10).EncodePng();
        Assert.Equal(20, RgbImage.Decode(file, maxPixels: 200).Width);
        Assert.Contains("20 x 10 = 200 pixels, the limit is 199",
            Assert.Throws<InvalidDataException>(() => RgbImage.Decode(file, maxPixels: 199)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_lie_one_after_the_other()
    {
        RgbImage image = Noise(4, 3);
        Assert.Equal(image.Pixels[12..24].ToArray(), image.Row(1).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => image.Row(3).Length);
    }

    internal static RgbImage Noise(int width, int height, int seed = 1)
    {
        byte[] pixels = new byte[3 * width * height];
        new Random(seed).NextBytes(pixels);
        return new(width, height, pixels);
    }
}
