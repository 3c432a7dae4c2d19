using System.Globalization;
using System.Security.Cryptography;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Datasets;

public sealed class DemoImagesTests
{
    private static readonly DemoOptions Small = new() { Size = 64, Train = 2, TestNormal = 1, PerDefect = 1 };

    public static TheoryData<string> Categories => [.. DemoImages.Categories];

    [Theory]
    [InlineData("bottle_cap", "41b0c89c006cb6b97a4ccf015834d225")]
    [InlineData("circuit_board", "ff4febf8f6da11551a3b63f28dd64742")]
    [InlineData("fabric", "aac3b25fb52d766e4e6825b3048975a5")]
    [InlineData("plate", "b480f80c54c0f455bd4ffeeb4793d7ac")]
    public void The_same_seed_gives_the_same_bits_on_every_machine(string category, string sha256)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (DemoImage image in DemoImages.Generate(category, 0, Small))
        {
            hash.AppendData(image.Image.Pixels);
            hash.AppendData(image.Mask is { } mask ? mask.Values : []);
        }
        Assert.StartsWith(sha256, Convert.ToHexStringLower(hash.GetHashAndReset()), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Categories))]
    public void Numbers_and_order_do_not_change_an_image(string category)
    {
        var few = DemoImages.Generate(category, 5, Small);
        var many = DemoImages.Generate(category, 5, Small with { Train = 3, TestNormal = 2, PerDefect = 2 });
        foreach (DemoImage image in few)
            Assert.Equal(image.Image.Pixels, many.Single(other => other.Name == image.Name).Image.Pixels);
        Assert.False(few[0].Image.Pixels.SequenceEqual(DemoImages.Generate(category, 6, Small)[0].Image.Pixels));
        // Every image differs, also across train and test.
        Assert.Equal(many.Count, many.Select(image => Convert.ToHexString(SHA256.HashData(image.Image.Pixels))).Distinct().Count());
    }

    [Theory, MemberData(nameof(Categories))]
    public void Defects_are_visible_inside_their_masks_and_nowhere_else(string category)
    {
        foreach (int seed in new[] { 1, 2, 3 })
        {
            var images = DemoImages.Generate(category, seed, new() { Size = 120, Train = 1, TestNormal = 0, PerDefect = 3 });
            Assert.Null(images[0].Mask);
            Assert.Equal(9, images.Count(image => image.Mask is not null));
            Assert.Equal(3, images.Select(image => image.DefectType).Except(["good"]).Count());
            foreach (DemoImage image in images.Skip(1))
            {
                int index = int.Parse(Path.GetFileNameWithoutExtension(image.Name), CultureInfo.InvariantCulture);
                RgbImage intact = DemoImages.WithoutDefect(category, seed, image.DefectType, index, 120);
                double inside = 0;
                for (int p = 0; p < image.Mask!.Values.Length; p++)
                {
                    int change = Enumerable.Range(3 * p, 3).Max(i => Math.Abs(image.Image.Pixels[i] - intact.Pixels[i]));
                    if (image.Mask.Values[p] != 0)
                        inside += change;
                    else
                        Assert.True(change == 0, $"{image.Name} of seed {seed} changes ({p % 120}, {p / 120}).");
                }
                int area = image.Mask.Values.Count((byte)1);
                Assert.InRange(area, 8, image.Mask.Values.Length / 10);
                Assert.True(inside / area > 12, $"{image.Name} of seed {seed} changes its mask by {inside / area:F1} levels only.");
            }
        }
    }

    [Fact]
    public void Written_images_are_a_dataset()
    {
        using TemporaryFolder folder = new();
        Counter written = new();
        DemoImages.Write(folder["demo"], 0, Small, written, TestContext.Current.CancellationToken);
        Dataset dataset = Dataset.Open(folder["demo"]);
        Assert.Equal(DatasetLayout.MvtecAd, dataset.Layout);
        Assert.Empty(dataset.Notes);
        Assert.Equal(DemoImages.Categories, dataset.Categories.Select(c => c.Name));
        Assert.Equal(4 * 6, written.Last);
        Assert.All(dataset.Categories, c => Assert.Equal((2, 4, 3), (c.Train.Count, c.Test.Count, c.Test.Count(i => i.MaskPath is not null))));
        foreach (DemoImage image in DemoImages.Generate("plate", 0, Small).Where(image => image.Mask is not null))
        {
            DatasetItem item = dataset.Categories.Single(c => c.Name == "plate").Test.Single(i => i.Name == image.Name);
            RgbImage read = RgbImage.Load(item.Path);
            Assert.Equal(image.Image.Pixels, read.Pixels);
            Assert.Equal(image.Mask!.Values, item.LoadMask(read)!.Values);
        }
        Assert.DoesNotContain(Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories), path => path.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Assert.Contains("circuit_board", Assert.Throws<ArgumentException>(() => DemoImages.Generate("screw", 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => DemoImages.Generate("plate", 0, Small with { Size = 31 }));
        Assert.Throws<ArgumentException>(() => DemoImages.Generate("plate", 0, Small with { Train = 0 }));
    }

    private sealed class Counter : IProgress<int>
    {
        public int Last { get; private set; }

        public void Report(int value) => Last = value;
    }
}
