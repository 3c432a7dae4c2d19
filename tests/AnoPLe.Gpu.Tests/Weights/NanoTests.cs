using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Metrics;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Weights;

/// <summary>The model in the box: what it is, and that its features are worth more than random ones. weights/nano/README.md has the whole measurement.</summary>
public sealed class NanoTests
{
    private static readonly string File = Repository.Path("weights", "nano", "nano.safetensors");

    [Fact]
    public void It_is_small_and_whole()
    {
        Assert.InRange(new FileInfo(File).Length, 1, 12_000_000);
        using ClipWeights nano = ClipWeights.Nano(), file = ClipWeights.Load(File);
        Assert.Equal(ClipConfig.Known["nano"], nano.Config);
        Assert.Equal(ClipConfig.Known["nano"], file.Config);
        Assert.Empty(nano.Notes);
        Assert.InRange(nano.Tensors.Sum(tensor => (long)tensor.Shape.Count), 1, 6_000_000);
        // The embedded file is the one in the folder; every value is finite, or the hash would throw.
        Assert.Equal(file.Hash, nano.Hash);
    }

    [Fact]
    public void The_embedded_file_reads_like_the_one_on_disk()
    {
        using ClipWeights nano = ClipWeights.Nano(), file = ClipWeights.Load(File);
        foreach (ClipTensor tensor in nano.Tensors)
            Assert.True(nano.Floats(tensor.Name).SequenceEqual(file.Floats(tensor.Name)), tensor.Name);
        float[] a = new float[3 * nano.Config.TextWidth], b = new float[a.Length];
        nano.TokenEmbeddingRows([0, 320, 49407], a);
        file.TokenEmbeddingRows([0, 320, 49407], b);
        Assert.Equal(b, a);
        nano.Dispose();
        Assert.Throws<ObjectDisposedException>(() => nano.Floats(ClipTensors.VisualProjection).Length);
    }

    [Fact]
    public void It_finds_the_demo_defects_and_random_weights_of_its_shape_find_less()
    {
        using var backend = Backends.Open("cpu", threads: 2);
        using ClipModel nano = ClipModel.Nano(backend), random = ClipModel.Create(ClipWeights.Random(ClipConfig.Known["nano"], 0), backend);
        double learned = 0, untrained = 0;
        foreach (string category in DemoImages.Categories)
        {
            DemoImage[] images = [.. DemoImages.Generate(category, 7, new DemoOptions { Train = 4, TestNormal = 6, PerDefect = 2 })];
            learned += Quality(nano, category, images) / DemoImages.Categories.Count;
            untrained += Quality(random, category, images) / DemoImages.Categories.Count;
        }
        Assert.True(learned > 0.73, $"Mean of image and pixel AUROC is {learned:F3}, expected more than 0.73.");
        Assert.True(1 - learned < 0.9 * (1 - untrained), $"nano leaves an error of {1 - learned:F3}, random weights {1 - untrained:F3}.");
    }

    // Mean of image and pixel AUROC, fitted on the training images.
    private static double Quality(ClipModel clip, string category, DemoImage[] images)
    {
        using var detector = AnomalyDetector.Fit(clip, category, [.. images.Where(image => image.Split == DatasetSplit.Train).Select(image => image.Image)]);
        DemoImage[] test = [.. images.Where(image => image.Split == DatasetSplit.Test)];
        IReadOnlyList<AnomalyResult> results = detector.Score([.. test.Select(image => image.Image)]);
        var pixels = new PixelMetrics();
        for (int i = 0; i < test.Length; i++)
        {
            AnomalyMap map = results[i].Map;
            pixels.Add(map.Values, test[i].Mask is { } mask ? mask.Values : [], map.Width, map.Height);
        }
        double image = ImageMetrics.Compute([.. results.Select(result => result.Score)], [.. test.Select(t => t.Mask is not null)]).Auroc;
        return (image + pixels.Compute().Auroc) / 2;
    }
}
