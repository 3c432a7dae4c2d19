using AnoPLe.Gpu.Randomness;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class PerlinNoiseTests
{
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(33, 40, 4, 8)]
    [InlineData(64, 64, 32, 1)]
    [InlineData(2, 300, 3, 2)]    // turned, it reaches far beyond its lattice
    [InlineData(300, 2, 32, 32)]
    public void Equals_a_plain_transcription(int h, int w, int ry, int rx)
    {
        CounterRandom random = new(5, (ulong)h);
        PerlinNoise perlin = new(32);
        for (int i = 0; i < 5; i++)
        {
            double theta = random.Real(-Math.PI, Math.PI);
            double[] angles = new double[(2 * ry + 2) * (2 * rx + 2)];
            foreach (ref double angle in angles.AsSpan())
                angle = random.Real(-10, 10);
            float[] noise = new float[h * w];
            perlin.Fill(noise, h, w, ry, rx, angles, theta);
            double[] expected = Plain(h, w, ry, rx, angles, theta);
            for (int at = 0; at < noise.Length; at++)
                Assert.Equal(expected[at], noise[at], 2e-7);
            Assert.All(noise, value => Assert.InRange(value, -1f, 1f));
        }
    }

    [Fact]
    public void Is_the_same_bits_everywhere()
    {
        float[] noise = new float[48 * 40];
        CounterRandom random = new(9, 0);
        new PerlinNoise(8).Fill(noise, 48, 40, 8, 4, ref random);
        ulong sum = noise.Aggregate(0UL, (sum, value) => CounterRandom.Mix(sum) ^ BitConverter.SingleToUInt32Bits(value));
        Assert.Equal(16275288126478871642UL, sum);
    }

    [Fact]
    public void Refuses_more_cells_than_it_was_made_for()
    {
        var error = Assert.Throws<ArgumentException>(() => new PerlinNoise(4).Fill(new float[4], 2, 2, 8, 1, new double[18 * 4], 0));
        Assert.Contains("8 x 1 cells (1 to 4)", error.Message, StringComparison.Ordinal);
    }

    // The formulas of the method's text, corner by corner.
    private static double[] Plain(int h, int w, int ry, int rx, double[] ang, double t)
    {
        double[] noise = new double[h * w];
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++)
            {
                double yc = i + .5 - h / 2.0, xc = j + .5 - w / 2.0;
                double u = (Math.Cos(t) * yc - Math.Sin(t) * xc + h / 2.0) * ry / h, v = (Math.Sin(t) * yc + Math.Cos(t) * xc + w / 2.0) * rx / w;
                double fu = u - Math.Floor(u), fv = v - Math.Floor(v);
                double Corner(int a, int b)
                {
                    int row = Modulo((int)Math.Floor(u) + a, 2 * ry + 2), column = Modulo((int)Math.Floor(v) + b, 2 * rx + 2);
                    double angle = ang[row * (2 * rx + 2) + column];
                    return Math.Cos(angle) * (fu - a) + Math.Sin(angle) * (fv - b);
                }
                double left = double.Lerp(Corner(0, 0), Corner(1, 0), Fade(fu)), right = double.Lerp(Corner(0, 1), Corner(1, 1), Fade(fu));
                noise[i * w + j] = Math.Sqrt(2) * double.Lerp(left, right, Fade(fv));
            }
        return noise;
    }

    private static int Modulo(int value, int length) => (value % length + length) % length;

    private static double Fade(double t) => t * t * t * (6 * t * t - 15 * t + 10);
}
