using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Tests.Datasets;

public sealed class DefectMaskTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void Every_pixel_that_is_not_black_is_defective()
    {
        folder.Image("m.png", 3, 2, 0, 0, 0, 1, 1, 1, 0, 0, 0, 255, 255, 255, 0, 7, 0, 0, 0, 0);
        DefectMask mask = DefectMask.Load(folder["m.png"], 3, 2);
        Assert.Equal((3, 2), (mask.Width, mask.Height));
        Assert.Equal([0, 255, 0, 255, 255, 0], mask.Pixels.ToArray());
    }

    [Fact]
    public void Another_size_than_the_image_is_refused_with_both_sizes()
    {
        folder.Image("m.png", 3, 2);
        var error = Assert.Throws<InvalidDataException>(() => DefectMask.Load(folder["m.png"], 2, 3));
        Assert.Contains("the mask has 3 x 2 pixels, its image 2 x 3", error.Message, StringComparison.Ordinal);
        Assert.Contains(folder["m.png"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_and_unreadable_files_are_refused()
    {
        folder.Write("bad.png", "no image");
        Assert.Throws<FileNotFoundException>(() => DefectMask.Load(folder["none.png"], 2, 3));
        Assert.Contains("bad.png", Assert.Throws<InvalidDataException>(() => DefectMask.Load(folder["bad.png"], 2, 3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new DefectMask(2, 2, new byte[3]));
        Assert.Throws<ArgumentException>(() => new DefectMask(0, 2, []));
    }

    [Fact]
    public void Resizing_takes_the_pixel_at_the_centre()
    {
        DefectMask mask = new(4, 2, [1, 0, 0, 1, 0, 1, 0, 0]);
        Assert.Equal("01" + "10", string.Concat(mask.Resize(2, 2).Pixels.ToArray()));
        Assert.Equal("11000011" + "00110000", string.Concat(mask.Resize(8, 2).Pixels.ToArray()));
        Assert.Same(mask, mask.Resize(4, 2));
        Assert.Throws<ArgumentException>(() => mask.Resize(0, 2));
    }

    public void Dispose() => folder.Dispose();
}
