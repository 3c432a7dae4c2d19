using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Testing;
using AnoPLe.Gpu.Tests.Imaging;

namespace AnoPLe.Gpu.Tests.Clip;

public sealed class PreprocessingTests
{
    [Fact]
    public void Output_is_planar_and_normalised()
    {
        RgbImage image = new(2, 2, [0, 128, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        float[] output = new Preprocessing(2).Apply(image);
        byte[] planar = [0, 1, 4, 7, 128, 2, 5, 8, 255, 3, 6, 9];
        for (int i = 0; i < 12; i++)
        {
            float expected = (planar[i] / 255f - Preprocessing.Mean[i / 4]) / Preprocessing.Std[i / 4];
            Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(output[i]));
        }
    }

    [Fact]
    public void Views_are_the_whole_and_the_quadrants_of_twice_the_size()
    {
        RgbImage image = RgbImageTests.Noise(50, 30);
        RgbImage[] views = new Preprocessing(16).Views(image);
        RgbImage large = BicubicResize.Resize(image, 32, 32);
        Assert.Equal(5, views.Length);
        Assert.Equal(BicubicResize.Resize(image, 16, 16).Pixels.ToArray(), views[0].Pixels.ToArray());
        for (int y = 0; y < 16; y++)
        {
            Assert.Equal(large.Row(y)[..48].ToArray(), views[1].Row(y).ToArray());
            Assert.Equal(large.Row(y)[48..].ToArray(), views[2].Row(y).ToArray());
            Assert.Equal(large.Row(y + 16)[..48].ToArray(), views[3].Row(y).ToArray());
            Assert.Equal(large.Row(y + 16)[48..].ToArray(), views[4].Row(y).ToArray());
        }
    }

    [Fact]
    public void One_pixel_fills_the_input()
    {
        float[] output = new Preprocessing(240).Apply(new RgbImage(1, 1, [9, 8, 7]));
        Assert.All(output[..57600], value => Assert.Equal(Preprocessing.Normalize(9, 0), value));
        Assert.All(output[115200..], value => Assert.Equal(Preprocessing.Normalize(7, 2), value));
    }

    /// <summary>What a model's input gets on its device, against what the public method gives on the host.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Devices_give_the_same_bits(string device)
    {
        Backend backend = TestBackends.Open(device);
        foreach (CropMode crop in Enum.GetValues<CropMode>())
        {
            Preprocessing preprocessing = new(24, crop);
            RgbImage[] pictures = [RgbImageTests.Noise(50, 31), RgbImageTests.Noise(20, 33), RgbImageTests.Noise(24, 24)];
            using Tensor images = backend.Allocate("images", new(pictures.Length, 3, 24, 24)), values = backend.Upload("values", new(3, 256), Preprocessing.Values);
            backend.ImageResize.Forward(images, [.. pictures.Select(preprocessing.Source)], values);
            Assert.Equal(pictures.SelectMany(preprocessing.Apply), backend.Download(images));
        }
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Preprocessing(0));
        Assert.Throws<ArgumentException>(() => new Preprocessing(16, (CropMode)7));
        Assert.Throws<ArgumentException>(() => new Preprocessing(16).Apply(RgbImageTests.Noise(3, 3), new float[767]));
        Assert.Throws<ArgumentException>(() => new Preprocessing(240, CropMode.ShortSideCenter).Resize(RgbImageTests.Noise(1, 60_000)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Preprocessing.Normalize(1, 3));
    }

    [Fact]
    public void Threads_may_share_it()
    {
        Preprocessing preprocessing = new(48);
        RgbImage[] images = [.. Enumerable.Range(1, 40).Select(i => RgbImageTests.Noise(20 + i, 90 - i, i))];
        float[][] expected = [.. images.Select(preprocessing.Apply)];
        Parallel.For(0, images.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => Assert.Equal(expected[i], preprocessing.Apply(images[i])));
    }
}
