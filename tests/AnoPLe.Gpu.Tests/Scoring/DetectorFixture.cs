using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Scoring;

/// <summary>A tiny model in seeded random weights on the processor, and images to fit and to score.</summary>
public sealed class DetectorFixture : IDisposable
{
    private readonly Backend backend = Backends.Open("cpu", threads: 2);

    public DetectorFixture() => Clip = Model(seed: 1);

    public ClipModel Clip { get; }

    /// <summary>Another model on the same backend.</summary>
    public ClipModel Model(ulong seed) => ClipModel.Create(ClipWeights.Random(ClipConfig.Find("tiny"), seed), backend);

    /// <summary>A part in front of a background: the same for all seeds but for noise and a small shift.</summary>
    public static RgbImage Normal(int seed, int size = 64)
    {
        var random = new Random(seed);
        int shift = random.Next(3);
        var pixels = new byte[3 * size * size];
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
                for (int c = 0; c < 3; c++)
                {
                    bool part = Math.Abs(x - shift - size / 2) < size / 3 && Math.Abs(y - size / 2) < size / 4;
                    int value = (part ? 150 + 20 * c : 60) + (x + shift) / 4 % 2 * 20 + random.Next(-6, 7);
                    pixels[3 * (y * size + x) + c] = (byte)value;
                }
        return new RgbImage(size, size, pixels);
    }

    /// <summary>A normal image with a bright square, a quarter of the side wide, from (x, y) on.</summary>
    public static RgbImage Defective(int seed, int x, int y, int size = 64)
    {
        byte[] pixels = Normal(seed, size).Pixels.ToArray();
        for (int row = y; row < y + size / 4; row++)
            for (int column = x; column < x + size / 4; column++)
                (pixels[3 * (row * size + column)], pixels[3 * (row * size + column) + 1], pixels[3 * (row * size + column) + 2]) = (250, 30, 30);
        return new RgbImage(size, size, pixels);
    }

    public static RgbImage[] Shots(int count) => [.. Enumerable.Range(0, count).Select(i => Normal(i))];

    public void Dispose()
    {
        Clip.Dispose();
        backend.Dispose();
    }
}
