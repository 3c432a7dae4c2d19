using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Imaging;

/// <summary>Whatever bytes are damaged: an image or an <see cref="InvalidDataException"/>, nothing else, and no memory by declaration.</summary>
public sealed class DamagedImageTests
{
    public static TheoryData<string> Files =>
        [.. Directory.GetFiles(Repository.Path("tests", "Golden", "preprocess", "in")).Where(file => new FileInfo(file).Length < 20_000).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Files))]
    public void Flipped_and_cut_bytes_are_survived(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        Random random = new(file.Length);
        for (int round = 0; round < 60; round++)
        {
            byte[] damaged = round % 4 == 0 ? file[..random.Next(file.Length)] : [.. file];
            for (int i = random.Next(6); i >= 0 && damaged.Length > 0; i--)
                damaged[random.Next(random.Next(2) == 0 ? Math.Min(damaged.Length, 120) : damaged.Length)] = (byte)random.Next(256);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                RgbImage image = RgbImage.Decode(damaged);
                Assert.Equal(3L * image.Width * image.Height, image.Pixels.Length);
            }
            catch (InvalidDataException)
            {
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
            }
        }
    }

    [Theory, MemberData(nameof(Files))]
    public void A_file_cut_in_half_is_refused(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        Assert.Throws<InvalidDataException>(() => RgbImage.Decode(file.AsSpan(0, file.Length / 2)));
    }

    [Fact]
    public void Sizes_that_no_file_of_this_length_holds_are_refused()
    {
        byte[] png = PngFile.Make(3, 8, PngFile.Rgb, [[.. Enumerable.Repeat((byte)7, 9)]]);
        png[18] = 0x20; // 8195 x 8193 pixels instead of 3 x 1; the checksum does not fit any more either
        png[22] = 0x20;
        Assert.Throws<InvalidDataException>(() => RgbImage.Decode(png));
        Assert.Contains("cannot come out of", Assert.Throws<InvalidDataException>(() =>
            DeclaredSize.RequirePossible(png, 8195, 8193, "part", "PNG")).Message, StringComparison.Ordinal);
        byte[] jpeg = File.ReadAllBytes(Repository.Path("tests", "Golden", "preprocess", "in", "gray.jpg"));
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
        jpeg[frame + 5] = jpeg[frame + 7] = 0x24; // about 9300 x 9400 pixels
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("cannot come out of", Assert.Throws<InvalidDataException>(() => RgbImage.Decode(jpeg)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Scans_without_end_are_refused()
    {
        byte[] file = File.ReadAllBytes(Repository.Path("tests", "Golden", "preprocess", "in", "progressive_444.jpg"));
        int scan = file.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] repeated = [.. file[..^2], .. Enumerable.Repeat(file[scan..^2], 120).SelectMany(bytes => bytes), 0xFF, 0xD9];
        Assert.Contains("scans, expected at most 100", Assert.Throws<InvalidDataException>(() => RgbImage.Decode(repeated)).Message, StringComparison.Ordinal);
    }
}
