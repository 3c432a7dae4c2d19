using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Imaging;

public sealed class HeatMapTests
{
    [Theory]
    [InlineData(0, 18, 1, 44)]
    [InlineData(102, 171, 18, 85)]
    [InlineData(204, 252, 174, 66)]
    [InlineData(255, 254, 250, 172)]
    public void The_colours_are_these(int level, byte red, byte green, byte blue) =>
        Assert.Equal([red, green, blue], ColorTable.Rgb.Slice(3 * level, 3).ToArray());

    [Fact]
    public void Lightness_rises_in_equal_steps()
    {
        double[] lightness = [.. Enumerable.Range(0, 256).Select(level => Lightness(ColorTable.Rgb.Slice(3 * level, 3)))];
        for (int level = 0; level < 256; level++)
            Assert.Equal(0.16 + 0.81 * level / 255, lightness[level], 0.006);
    }

    [Fact]
    public void The_scale_is_fixed_and_clamped()
    {
        float[] map = [-5, 2, 3, 4, float.PositiveInfinity];
        RgbImage image = new HeatMap(2, 4).Render(map, 5, 1);
        Assert.Equal(Colours(0, 0, 128, 255, 255), image.Pixels.ToArray());
    }

    [Fact]
    public void Rows_of_the_map_are_rows_of_the_picture()
    {
        RgbImage image = new HeatMap().Render([0, 1, 1, 0, 0, 1], 2, 3);
        Assert.Equal((2, 3), (image.Width, image.Height));
        Assert.Equal(Colours(0, 255, 255, 0, 0, 255), image.Pixels.ToArray());
    }

    [Fact]
    public void An_overlay_shows_the_image_where_nothing_is_wrong()
    {
        RgbImage image = RgbImageTests.Noise(9, 6);
        Assert.Equal(image.Pixels.ToArray(), new HeatMap().Overlay(image, new float[4], 2, 2).Pixels.ToArray());
        Assert.Equal(image.Pixels.ToArray(), new HeatMap().Overlay(image, [1, 1, 1, 1], 2, 2, opacity: 0).Pixels.ToArray());
    }

    [Fact]
    public void An_overlay_mixes_by_value()
    {
        RgbImage grey = new(2, 1, [100, 100, 100, 100, 100, 100]);
        byte[] mixed = new HeatMap().Overlay(grey, [1, 0.4f], 2, 1, opacity: 0.5f).Pixels.ToArray();
        Assert.Equal([177, 175, 136, 114, 84, 97], mixed); // half of (254, 250, 172); a fifth of (171, 18, 85)
    }

    [Fact]
    public void An_overlay_stretches_the_map()
    {
        RgbImage black = new(4, 1, new byte[12]);
        // Values at the four pixel centres: 0, 0.25, 0.75, 1.
        byte[] pixels = new HeatMap().Overlay(black, [0, 1], 2, 1, opacity: 1).Pixels.ToArray();
        Assert.Equal([0, 0, 0], pixels[..3]);
        Assert.Equal(ColorTable.Rgb[3 * 64] * 64 / 255.0, pixels[3], 0.51);
        Assert.Equal(ColorTable.Rgb[3 * 191] * 191 / 255.0, pixels[6], 0.51);
        Assert.Equal(ColorTable.Rgb[^3..].ToArray(), pixels[9..]);
    }

    [Theory, InlineData(true, 4), InlineData(false, 3)]
    public void A_panel_has_its_parts_side_by_side(bool withMask, int parts)
    {
        RgbImage image = RgbImageTests.Noise(20, 12);
        float[] map = [.. Enumerable.Range(0, 48).Select(i => i / 47f)];
        RgbImage panel = new HeatMap().Panel(image, withMask ? Mask.Empty(20, 12) : null, map, 8, 6);
        Assert.Equal((8 * parts + 4 * (parts - 1), 6), (panel.Width, panel.Height));
        Assert.Equal(BicubicResize.Resize(image, 8, 6).Row(2).ToArray(), panel.Row(2)[..24].ToArray());
        Assert.Equal(new HeatMap().Render(map, 8, 6).Row(5).ToArray(), panel.Row(5).Slice(36 * (parts - 2), 24).ToArray());
        Assert.All(panel.Row(0).Slice(24, 12).ToArray(), value => Assert.Equal(255, value));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new HeatMap(1, 1));
        Assert.Throws<ArgumentException>(() => new HeatMap(0, float.NaN));
        Assert.Throws<ArgumentException>(() => new HeatMap().Render(new float[5], 2, 3));
        Assert.Contains("column 1, row 2", Assert.Throws<ArgumentException>(() => new HeatMap().Render([0, 0, 0, 0, 0, float.NaN], 2, 3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new HeatMap().Overlay(RgbImageTests.Noise(1, 1), [1], 1, 1, 1.5f));
        Assert.Throws<ArgumentException>(() => HeatMap.SideBySide([]));
    }

    private static byte[] Colours(params int[] levels) => [.. levels.SelectMany(level => ColorTable.Rgb.Slice(3 * level, 3).ToArray())];

    // OKLab lightness of an sRGB colour.
    private static double Lightness(ReadOnlySpan<byte> rgb)
    {
        double r = Linear(rgb[0]), g = Linear(rgb[1]), b = Linear(rgb[2]);
        double l = Math.Cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
        double m = Math.Cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
        double s = Math.Cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
        return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
    }

    private static double Linear(byte value)
    {
        double v = value / 255.0;
        return v <= 0.04045 ? v / 12.92 : Math.Pow((v + 0.055) / 1.055, 2.4);
    }
}
