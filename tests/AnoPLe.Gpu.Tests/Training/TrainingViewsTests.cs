using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class TrainingViewsTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(16, 16)]
    [InlineData(6000, 4000)]
    [InlineData(3, 500)]
    public void Images_of_any_size_have_five_views(int width, int height)
    {
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i * 2654435761L >> 16);
        RgbImage image = new(width, height, pixels);
        Preprocessing preprocessing = new(24);
        float[] views = TrainingViews.Of(image, preprocessing);
        Assert.Equal(5 * 3 * 24 * 24, views.Length);
        Assert.All(views, value => Assert.InRange(value, 0f, 1f));
        RgbImage[] pictures = preprocessing.Views(image);
        for (int v = 0; v < 5; v++)
            for (int c = 0; c < 3; c++)
                for (int i = 0; i < 24 * 24; i++)
                    Assert.Equal(pictures[v].Pixels[3 * i + c] / 255f, views[(v * 3 + c) * 24 * 24 + i]);
        Assert.Equal(views[..(3 * 24 * 24)], TrainingViews.Of(image, preprocessing, views: 1));
    }

    [Fact]
    public void Other_numbers_of_views_are_refused() =>
        Assert.Throws<ArgumentException>(() => TrainingViews.Of(new(1, 1, new byte[3]), new(8), views: 4));
}
