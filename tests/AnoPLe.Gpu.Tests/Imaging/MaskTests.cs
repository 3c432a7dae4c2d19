using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Imaging;

public sealed class MaskTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("anople-mask-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(0, new byte[] { 0, 1, 1, 1 })]
    [InlineData(1, new byte[] { 0, 0, 1, 1 })]
    [InlineData(127, new byte[] { 0, 0, 0, 1 })]
    public void Grey_above_the_threshold_is_defective(int threshold, byte[] expected)
    {
        Mask mask = Mask.Load(Save(PngFile.Make(4, 8, PngFile.Grey, [[0, 1, 127, 128]])), threshold);
        Assert.Equal(expected, mask.Values.ToArray());
        Assert.True(mask.IsDefective);
    }

    [Fact]
    public void Colours_count_by_their_grey_level()
    {
        // 0.299 * 1 and 0.114 * 4 round to 0, 0.587 * 1 and 0.114 * 5 to 1.
        RgbImage image = new(4, 1, [1, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0, 5]);
        Assert.Equal([0, 0, 1, 1], Mask.FromImage(image).Values.ToArray());
    }

    [Fact]
    public void Sixteen_bit_grey_is_refused()
    {
        string path = Save(PngFile.Make(1, 16, PngFile.Grey, [[0, 1]]));
        Assert.Contains("16-bit grey PNG, expected an 8-bit mask", Assert.Throws<InvalidDataException>(() => Mask.Load(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, 2, new[] { 1, 3 })]
    [InlineData(5, 2, new[] { 1, 3 })]
    [InlineData(5, 3, new[] { 0, 2, 4 })]
    [InlineData(3, 7, new[] { 0, 0, 1, 1, 1, 2, 2 })]
    [InlineData(1, 3, new[] { 0, 0, 0 })]
    public void Resizing_takes_the_value_under_the_centre(int inputs, int outputs, int[] sources)
    {
        for (int on = 0; on < inputs; on++)
        {
            byte[] values = new byte[inputs];
            values[on] = 1;
            byte[] expected = [.. sources.Select(source => (byte)(source == on ? 1 : 0))];
            Assert.Equal(expected, new Mask(inputs, 1, values).Resize(outputs, 1).Values.ToArray());
            Assert.Equal(expected, new Mask(1, inputs, values).Resize(1, outputs).Values.ToArray());
        }
    }

    [Fact]
    public void The_label_comes_before_resizing()
    {
        byte[] values = new byte[1024 * 1024];
        values[1] = 1;
        Mask mask = new(1024, 1024, values);
        Assert.True(mask.IsDefective);
        Assert.False(mask.Resize(240, 240).IsDefective);
    }

    [Fact]
    public void Images_of_masks_are_black_and_white() =>
        Assert.Equal([0, 0, 0, 255, 255, 255], new Mask(2, 1, [0, 1]).ToImage().Pixels.ToArray());

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Mask(2, 2, new byte[3]));
        Assert.Throws<ArgumentException>(() => new Mask(1, 1, [255]));
        Assert.Throws<ArgumentException>(() => Mask.Empty(0, 1));
        Assert.Throws<ArgumentException>(() => Mask.FromImage(new RgbImage(1, 1, new byte[3]), 255));
        Assert.Throws<ArgumentException>(() => Mask.Empty(2, 2).Resize(0, 1));
        Assert.Throws<FileNotFoundException>(() => Mask.Load(Path.Combine(folder, "no.png")));
    }

    private string Save(byte[] file)
    {
        string path = Path.Combine(folder, "mask.png");
        File.WriteAllBytes(path, file);
        return path;
    }
}
