using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>A test image read from disk. The mask is there for images whose pixels are all known: empty for a normal one.</summary>
internal sealed record TestImage(DatasetItem Item, RgbImage Image, Mask? Mask);

/// <summary>Reads test images one batch at a time; one that cannot be read is reported and left out.</summary>
internal static class TestImages
{
    /// <summary>Reads the items in order, in batches.</summary>
    /// <param name="items">What to read.</param>
    /// <param name="broken">Is told of images that cannot be read; the rest go on.</param>
    /// <param name="cancellation">Stops between images.</param>
    public static IEnumerable<IReadOnlyList<TestImage>> Batches(IEnumerable<DatasetItem> items, Action<SkippedImage> broken, CancellationToken cancellation)
    {
        foreach (DatasetItem[] chunk in items.Chunk(AnomalyDetector.BatchSize))
        {
            List<TestImage> batch = [];
            foreach (var item in chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                if (TryRead(item, broken) is { } image)
                    batch.Add(image);
            }
            if (batch.Count > 0)
                yield return batch;
        }
    }

    /// <summary>Reads all items at the model's size, which is what it would see of them anyway: hundreds of them fit into memory.</summary>
    /// <param name="items">What to read.</param>
    /// <param name="model">Resizes them.</param>
    /// <param name="broken">Is told of images that cannot be read; the rest go on.</param>
    /// <param name="progress">Is told of every batch.</param>
    /// <param name="cancellation">Stops between images.</param>
    public static IReadOnlyList<TestImage> All(IReadOnlyList<DatasetItem> items, Preprocessing model, Action<SkippedImage> broken, IProgress<WorkProgress> progress,
        CancellationToken cancellation)
    {
        int S = model.ImageSize;
        Mask none = Mask.Empty(S, S);
        List<TestImage> all = [];
        foreach (var batch in Batches(items, broken, cancellation))
        {
            all.AddRange(batch.Select(test => test with
            {
                Image = model.Resize(test.Image),
                Mask = test.Mask is { IsDefective: true } mask ? mask.Resize(S, S) : test.Mask is null ? null : none,
            }));
            progress.Report(new("reading test images", all.Count, items.Count));
        }
        return all;
    }

    private static TestImage? TryRead(DatasetItem item, Action<SkippedImage> broken)
    {
        try
        {
            RgbImage image = RgbImage.Load(item.Path);
            return new(item, image, item.HasPixelTruth ? ReadMask(item, image) : null);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            broken(new(item.Name, e.Message));
            return null;
        }
    }

    private static Mask ReadMask(DatasetItem item, RgbImage image)
    {
        if (item.MaskPath is null)
            return Mask.Empty(image.Width, image.Height);
        Mask mask = Mask.Load(item.MaskPath);
        return mask.Width == image.Width && mask.Height == image.Height ? mask : throw new InvalidDataException(
            $"{item.MaskPath}: the mask has {mask.Width} x {mask.Height} pixels, its image {image.Width} x {image.Height}. Redraw or replace the mask.");
    }
}
