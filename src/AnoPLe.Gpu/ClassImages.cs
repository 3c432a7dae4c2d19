using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu;

/// <summary>Normal images of one product: what a detector is fitted or trained on.</summary>
public sealed record ClassImages
{
    private ClassImages(string name, IReadOnlyList<RgbImage> images, IReadOnlyList<Shot> shots)
    {
        Name = name;
        Images = images;
        Shots = shots;
    }

    /// <summary>The product in plain words: "metal nut". "_" counts as a space.</summary>
    public string Name { get; }

    /// <summary>Its images without defects.</summary>
    public IReadOnlyList<RgbImage> Images { get; }

    /// <summary>What is recorded of them.</summary>
    public IReadOnlyList<Shot> Shots { get; }

    /// <summary>Pixels handed over.</summary>
    /// <exception cref="ArgumentException">The name is empty or too long, or there are no images.</exception>
    public static ClassImages Of(string name, IReadOnlyList<RgbImage> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        return Create(name, images, () => [.. images.Select(Shot.Of)]);
    }

    /// <summary>Image files; their names and hashes are recorded.</summary>
    /// <exception cref="ArgumentException">The name is empty or too long, or there are no images.</exception>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is not an image.</exception>
    public static ClassImages Load(string name, IReadOnlyList<string> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        return Create(name, [.. files.Select(path => RgbImage.Load(path))], () => [.. files.Select(Shot.Of)]);
    }

    private static ClassImages Create(string name, IReadOnlyList<RgbImage> images, Func<IReadOnlyList<Shot>> shots)
    {
        string clean = ClassNames.Clean(name);
        Compute.Require.That(images.Count > 0, $"No normal images were given. One is enough, 2 to 4 are better.");
        return new(clean, images, shots());
    }
}
