using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Benchmarks.Features;

/// <summary>An image to score. The mask is null when not every pixel's truth is known, and has the size of the image.</summary>
internal sealed record FeatureTest(RgbImage Image, bool IsAnomalous, Mask? Mask);

/// <summary>A category with its images in memory, at the model's size.</summary>
/// <param name="Set">The dataset it belongs to, for the means.</param>
/// <param name="Name">The category.</param>
/// <param name="Normal">Images to fit on, by name: shots are drawn from the names.</param>
/// <param name="Test">Images to score, labelled ones only.</param>
internal sealed record FeatureCategory(string Set, string Name, IReadOnlyDictionary<string, RgbImage> Normal, IReadOnlyList<FeatureTest> Test)
{
    /// <summary>The categories of a dataset on disk.</summary>
    /// <exception cref="IOException">The folder or a file is not there.</exception>
    /// <exception cref="InvalidDataException">No dataset, an image that cannot be read, or a mask of another size than its image.</exception>
    public static IEnumerable<FeatureCategory> Open(string folder, Func<RgbImage, RgbImage> resize)
    {
        Dataset dataset = Dataset.Open(folder);
        foreach (DatasetCategory category in dataset.Categories)
            yield return new(Path.GetFileName(dataset.Folder), category.Name, category.Train.ToDictionary(item => item.Name, item => resize(RgbImage.Load(item.Path))),
                [.. category.Test.Where(item => item.Label != ImageLabel.Unknown).Select(item => Load(item, resize))]);
    }

    /// <summary>The categories of the demo, drawn.</summary>
    public static IEnumerable<FeatureCategory> Demo(int seed, Func<RgbImage, RgbImage> resize, DemoOptions? options = null)
    {
        foreach (string name in DemoImages.Categories)
        {
            IReadOnlyList<DemoImage> images = DemoImages.Generate(name, seed, options);
            yield return new("demo", name, images.Where(image => image.Split == DatasetSplit.Train).ToDictionary(image => image.Name, image => resize(image.Image)),
                [.. images.Where(image => image.Split == DatasetSplit.Test).Select(image => At(resize(image.Image), image.Mask is not null, image.Mask))]);
        }
    }

    private static FeatureTest Load(DatasetItem item, Func<RgbImage, RgbImage> resize)
    {
        RgbImage image = RgbImage.Load(item.Path);
        FeatureTest test = At(resize(image), item.Label == ImageLabel.Anomalous, item.LoadMask(image));
        return item.HasPixelTruth ? test : test with { Mask = null };
    }

    private static FeatureTest At(RgbImage image, bool isAnomalous, Mask? mask) =>
        new(image, isAnomalous, mask is { IsDefective: true } ? mask.Resize(image.Width, image.Height) : Mask.Empty(image.Width, image.Height));
}
