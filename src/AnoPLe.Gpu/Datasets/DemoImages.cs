using AnoPLe.Gpu.Datasets.Demo;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets;

/// <summary>How many demo images of each category are made, and how large.</summary>
public sealed record DemoOptions
{
    /// <summary>Width and height in pixels, 32 to 2048.</summary>
    public int Size { get; init; } = 240;

    /// <summary>Normal images to fit on, at least 1.</summary>
    public int Train { get; init; } = 8;

    /// <summary>Normal images to score.</summary>
    public int TestNormal { get; init; } = 6;

    /// <summary>Defective images of each defect type.</summary>
    public int PerDefect { get; init; } = 3;

    internal void Check()
    {
        if (Size is < 32 or > 2048 || Train < 1 || TestNormal < 0 || PerDefect < 0)
            throw new ArgumentException($"{this}: expected a Size of 32 to 2048, Train of at least 1, the others not negative.");
    }
}

/// <summary>A demo image.</summary>
/// <param name="Category">The class name.</param>
/// <param name="Name">Path below the category's folder, as in MVTec AD: "train/good/000.png", "test/scratch/001.png".</param>
/// <param name="Split">Train or test.</param>
/// <param name="DefectType">"good" or the defect's name.</param>
/// <param name="Image">The pixels.</param>
/// <param name="Mask">Where the defect is; null for normal images.</param>
public sealed record DemoImage(string Category, string Name, DatasetSplit Split, string DefectType, RgbImage Image, Mask? Mask);

/// <summary>
/// Small sets of drawn inspection images with defects and pixel masks, so that everything can be tried without any data: a woven
/// fabric, a brushed metal plate, a circuit board and a bottle cap, each with natural variation (pose, light, material, sensor noise).
/// </summary>
/// <remarks>The same seed gives the same bits on every machine: only integer arithmetic and exactly rounded floating point is used.</remarks>
public static class DemoImages
{
    private static readonly (string Name, string[] Defects, Func<DemoScene> Create)[] Scenes =
    [
        (BottleCap.Name, BottleCap.Defects, () => new BottleCap()),
        (CircuitBoard.Name, CircuitBoard.Defects, () => new CircuitBoard()),
        (WovenFabric.Name, WovenFabric.Defects, () => new WovenFabric()),
        (BrushedPlate.Name, BrushedPlate.Defects, () => new BrushedPlate()),
    ];

    /// <summary>Names of the categories.</summary>
    public static IReadOnlyList<string> Categories { get; } = [.. Scenes.Select(scene => scene.Name)];

    /// <summary>All images of a category, in memory.</summary>
    /// <param name="category">One of <see cref="Categories"/>.</param>
    /// <param name="seed">Another seed, other images.</param>
    /// <param name="options">Numbers and size; null for the defaults.</param>
    /// <exception cref="ArgumentException">Another category, or options out of range.</exception>
    public static IReadOnlyList<DemoImage> Generate(string category, int seed, DemoOptions? options = null)
    {
        options ??= new();
        options.Check();
        int which = Array.FindIndex(Scenes, scene => scene.Name == category);
        if (which < 0)
            throw new ArgumentException($"No demo category '{category}', expected one of: {string.Join(", ", Categories)}.", nameof(category));
        List<(DatasetSplit Split, string Type, int Index)> plan =
        [
            .. Enumerable.Range(0, options.Train).Select(i => (DatasetSplit.Train, DatasetItem.Good, i)),
            .. Enumerable.Range(0, options.TestNormal).Select(i => (DatasetSplit.Test, DatasetItem.Good, i)),
            .. Scenes[which].Defects.SelectMany(type => Enumerable.Range(0, options.PerDefect).Select(i => (DatasetSplit.Test, type, i))),
        ];
        DemoImage[] images = new DemoImage[plan.Count];
        Parallel.For(0, plan.Count, i => images[i] = Draw(which, seed, plan[i].Split, plan[i].Type, plan[i].Index, options.Size));
        return images;
    }

    /// <summary>Writes all categories as an MVTec AD dataset: FOLDER/CATEGORY/{train,test,ground_truth}. Each file appears whole or not at all.</summary>
    /// <param name="folder">Made when it does not exist; files of the same names are replaced.</param>
    /// <param name="seed">Another seed, other images.</param>
    /// <param name="options">Numbers and size; null for the defaults.</param>
    /// <param name="progress">Told the number of images written so far.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    /// <exception cref="ArgumentException">Options out of range.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    public static void Write(string folder, int seed, DemoOptions? options = null, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        int written = 0;
        foreach (string category in Categories)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (DemoImage image in Generate(category, seed, options))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Save(image.Image, Path.Combine(folder, category, image.Name));
                if (image.Mask is { } mask)
                    Save(mask.ToImage(), Path.Combine(folder, category, "ground_truth", image.DefectType, Path.GetFileNameWithoutExtension(image.Name) + "_mask.png"));
                progress?.Report(++written);
            }
        }
    }

    /// <summary>A test image as it would be without its defect: the same part, pose, light and noise.</summary>
    internal static RgbImage WithoutDefect(string category, int seed, string type, int index, int size) =>
        Draw(Array.FindIndex(Scenes, scene => scene.Name == category), seed, DatasetSplit.Test, type, index, size, repaired: true).Image;

    private static DemoImage Draw(int which, int seed, DatasetSplit split, string type, int index, int size, bool repaired = false)
    {
        var (category, defects, create) = Scenes[which];
        int kind = type == DatasetItem.Good ? 0 : 1 + Array.IndexOf(defects, type);
        // Every image has a stream of its own, so that numbers of images do not change the images.
        ulong stream = (ulong)which << 48 | (ulong)kind << 40 | (split == DatasetSplit.Train ? 1UL : 0UL) << 32 | (uint)index;
        var (image, mask) = create().Draw(new CounterRandom((ulong)seed, stream), kind == 0 || repaired ? null : type, size);
        string name = $"{(split == DatasetSplit.Train ? "train" : "test")}/{type}/{index:000}.png";
        return new(category, name, split, type, image, mask);
    }

    private static void Save(RgbImage image, string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        image.SavePng(path);
    }
}
