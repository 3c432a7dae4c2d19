using AnoPLe.Gpu.Compute.Resampling;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Imaging;

public sealed class BicubicResizeTests
{
    [Theory]
    [InlineData(1, 1, 5, 3)]
    [InlineData(5, 3, 1, 1)]
    [InlineData(37, 61, 37, 20)]
    [InlineData(37, 61, 19, 61)]
    [InlineData(301, 199, 24, 25)]
    [InlineData(8, 9, 240, 33)]
    [InlineData(2000, 2, 3, 1)]
    public void Vectors_give_what_plain_loops_give(int width, int height, int newWidth, int newHeight)
    {
        RgbImage image = RgbImageTests.Noise(width, height);
        Assert.Equal(Plain(image, newWidth, newHeight), BicubicResize.Resize(image, newWidth, newHeight).Pixels.ToArray());
    }

    [Theory, InlineData(0), InlineData(1), InlineData(128), InlineData(255)]
    public void A_flat_image_stays_flat(byte level)
    {
        RgbImage flat = new(31, 17, [.. Enumerable.Repeat(level, 3 * 31 * 17)]);
        Assert.All(BicubicResize.Resize(flat, 12, 40).Pixels.ToArray(), value => Assert.Equal(level, value));
    }

    [Fact]
    public void Weights_sum_to_one_within_rounding()
    {
        foreach (var (inputs, outputs) in new[] { (1, 240), (17, 240), (240, 17), (4000, 240), (239, 240), (99, 98) })
        {
            BicubicTaps taps = new(inputs, outputs);
            for (int i = 0; i < outputs; i++)
            {
                Assert.InRange(taps.First(i) + taps.Weights(i).Length, 1, inputs);
                Assert.InRange(taps.Weights(i).ToArray().Sum() - (1 << BicubicTaps.FractionBits), -taps.MaxCount, taps.MaxCount);
            }
        }
    }

    [Fact]
    public void The_same_size_is_the_same_image()
    {
        RgbImage image = RgbImageTests.Noise(12, 7);
        Assert.Same(image, BicubicResize.Resize(image, 12, 7));
    }

    [Theory, InlineData(0, 5), InlineData(5, -1), InlineData(20_000, 20_000)]
    public void Impossible_sizes_are_refused(int width, int height) =>
        Assert.Throws<ArgumentException>(() => BicubicResize.Resize(RgbImageTests.Noise(3, 3), width, height));

    private static byte[] Plain(RgbImage image, int width, int height)
    {
        byte[] across = Pass(image.Pixels.ToArray(), image.Width, width, image.Height, inputStep: 3, inputLine: 3 * image.Width, outputStep: 3, outputLine: 3 * width);
        return Pass(across, image.Height, height, width, inputStep: 3 * width, inputLine: 3, outputStep: 3 * width, outputLine: 3);
    }

    private static byte[] Pass(byte[] input, int inputs, int outputs, int lines, int inputStep, int inputLine, int outputStep, int outputLine)
    {
        if (inputs == outputs)
            return input;
        BicubicTaps taps = new(inputs, outputs);
        byte[] output = new byte[3 * outputs * lines];
        for (int line = 0; line < lines; line++)
            for (int i = 0; i < outputs; i++)
                for (int c = 0; c < 3; c++)
                {
                    long sum = 1 << 21;
                    for (int k = 0; k < taps.Weights(i).Length; k++)
                        sum += (long)input[line * inputLine + (taps.First(i) + k) * inputStep + c] * taps.Weights(i)[k];
                    output[line * outputLine + i * outputStep + c] = (byte)Math.Clamp(sum >> 22, 0, 255);
                }
        return output;
    }
}
