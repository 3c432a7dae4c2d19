using AnoPLe.Gpu.Randomness;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class PerlinMaskTests
{
    [Theory]
    [InlineData(240, 15, 200)]
    [InlineData(64, 8, 1000)]
    [InlineData(16, 1, 1000)]
    [InlineData(1, 1, 1000)]
    public void Pixel_masks_are_never_empty(int imageSize, int grid, int draws)
    {
        PerlinMask masks = PerlinMask.OverPixels(imageSize, grid);
        double[] areas = Areas(masks, imageSize, draws);
        Assert.All(areas, area => Assert.True(area >= 0.002, $"{area:p3} is set"));
        if (imageSize == 240)
        {
            Assert.InRange(areas.Average(), 0.03, 0.08);   // typically a twentieth
            Assert.InRange(areas.Max(), 0.1, 0.7);
        }
    }

    [Theory]
    [InlineData(15)]
    [InlineData(7)]
    [InlineData(2)]
    [InlineData(1)]
    public void Latent_masks_have_a_patch_at_least(int grid)
    {
        double[] areas = Areas(PerlinMask.OverPatches(grid), grid, 1000);
        Assert.All(areas, area => Assert.True(area * grid * grid >= 0.99));
        if (grid == 15)
            Assert.InRange(areas.Average(), 0.03, 0.12);
    }

    [Fact]
    public void Strongest_are_kept_and_of_equal_ones_the_first()
    {
        float[] values = [0.1f, 0.3f, 0.2f, 0.3f, 0.2f, 0.2f];
        PerlinMask.KeepStrongest(values, new float[6], 4);
        Assert.Equal([0f, 1f, 1f, 1f, 1f, 0f], values);
    }

    private static double[] Areas(PerlinMask masks, int side, int draws)
    {
        float[] mask = new float[side * side];
        return [.. Enumerable.Range(0, draws).Select(i =>
        {
            CounterRandom random = new(3, (ulong)i);
            masks.Draw(mask, ref random);
            Assert.All(mask.Distinct(), value => Assert.True(value is 0 or 1));
            return (double)mask.Average();
        })];
    }
}
