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
}
