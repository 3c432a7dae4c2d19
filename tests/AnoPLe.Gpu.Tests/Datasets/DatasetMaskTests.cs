using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Datasets;

public sealed class DatasetMaskTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void Masks_are_read_empty_or_unknown()
    {
        folder.Image("m.png", 3, 2, 0, 0, 0, 255, 255, 255);
        RgbImage image = new(3, 2, new byte[18]);
        Assert.Equal("010000", string.Concat(Item(ImageLabel.Anomalous, folder["m.png"]).LoadMask(image)!.Values.ToArray()));
        Assert.Equal("000000", string.Concat(Item(ImageLabel.Normal, null).LoadMask(image)!.Values.ToArray()));
        Assert.Null(Item(ImageLabel.Anomalous, null).LoadMask(image));
        Assert.Null(Item(ImageLabel.Unknown, null).LoadMask(image));
    }

    [Fact]
    public void A_mask_of_another_size_than_its_image_is_refused_with_both_sizes()
    {
        folder.Image("m.png", 3, 2);
        var error = Assert.Throws<InvalidDataException>(() => Item(ImageLabel.Anomalous, folder["m.png"]).LoadMask(new(2, 3, new byte[18])));
        Assert.Contains("the mask has 3 x 2 pixels, its image part.png 2 x 3", error.Message, StringComparison.Ordinal);
        Assert.Contains(folder["m.png"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_and_unreadable_masks_are_refused_by_name()
    {
        folder.Write("bad.png", "no image");
        RgbImage image = new(1, 1, new byte[3]);
        Assert.Throws<FileNotFoundException>(() => Item(ImageLabel.Anomalous, folder["none.png"]).LoadMask(image));
        var error = Assert.Throws<InvalidDataException>(() => Item(ImageLabel.Anomalous, folder["bad.png"]).LoadMask(image));
        Assert.Contains("bad.png", error.Message, StringComparison.Ordinal);
    }

    private static DatasetItem Item(ImageLabel label, string? mask) => new("part.png", "part.png", DatasetSplit.Test, label, "", mask);

    public void Dispose() => folder.Dispose();
}
