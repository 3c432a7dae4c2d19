using System.Runtime.ExceptionServices;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Pictures of anything (wood, cloth, gravel, ...) whose pieces become pseudo-anomalies. DRAEM uses the Describable Textures Dataset; any
/// folder of images will do, and training works without one. Immutable and thread-safe.
/// </summary>
public sealed class TextureSource
{
    /// <summary>Textures that a folder contributes at most, unless the caller says otherwise: some 170 MB at 240 x 240.</summary>
    public const int DefaultLimit = 1024;

    // A folder that links to one above it would otherwise never end.
    private static readonly EnumerationOptions WholeTree = new() { RecurseSubdirectories = true, MaxRecursionDepth = 8, IgnoreInaccessible = false };
    private readonly byte[][] textures;

    /// <summary>Takes images of any size, resized straight to squares.</summary>
    /// <param name="images">One or more.</param>
    /// <param name="imageSize">S, side of the square, that of the model's input.</param>
    /// <exception cref="ArgumentException">No images, or a side below 1.</exception>
    public TextureSource(IReadOnlyList<RgbImage> images, int imageSize)
        : this([.. Required(images).Select(image => Square(image, imageSize))], imageSize)
    {
    }

    private TextureSource(byte[][] textures, int imageSize)
    {
        this.textures = textures;
        ImageSize = imageSize;
    }

    /// <summary>Number of textures.</summary>
    public int Count => textures.Length;

    /// <summary>S, their side in pixels.</summary>
    public int ImageSize { get; }

    /// <summary>Reads the images of a folder and of the folders in it.</summary>
    /// <param name="folder">Holds images; names that begin with a dot are skipped.</param>
    /// <param name="imageSize">S, side of the square that every texture is resized to.</param>
    /// <param name="limit">When there are more images, this many of them, always the same ones.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="ArgumentException">No image in it, or a limit below 1.</exception>
    /// <exception cref="InvalidDataException">A file is damaged or no image.</exception>
    public static TextureSource Load(string folder, int imageSize, int limit = DefaultLimit, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Require.That(limit >= 1, $"At least 1 texture is taken from a folder, got a limit of {limit}.");
        string full = Path.GetFullPath(folder);
        if (!Directory.Exists(full))
            throw new DirectoryNotFoundException($"{full}: no such folder of textures. Name a folder of images, or train without one.");
        string[] files = [.. Directory.EnumerateFiles(full, "*", WholeTree)];
        string[] images = [.. files.Where(ImageFiles.IsImage).Order(StringComparer.Ordinal)];
        Require.That(images.Length > 0, $"{full}: no images among its {files.Length} files, expected textures ({string.Join(' ', ImageFiles.Extensions)}). Put pictures of any surfaces there, or train without a folder of textures.");
        if (images.Length > limit)
        {
            // By name below the folder, so that it may lie elsewhere on another machine.
            var names = images.ToDictionary(path => ImageFiles.NameBelow(full, path), StringComparer.Ordinal);
            images = [.. ShotSelector.Choose(names.Keys, limit, seed: 0).Select(name => names[name])];
        }
        return new(Decode(images, imageSize, cancellation), imageSize);
    }

    /// <summary>A texture as numbers in [0, 1].</summary>
    /// <param name="index">Which.</param>
    /// <param name="texture">[3, S, S], overwritten.</param>
    internal void Read(int index, Span<float> texture) => TrainingViews.Planar(textures[index], texture);

    private static byte[][] Decode(string[] paths, int imageSize, CancellationToken cancellation)
    {
        var decoded = new byte[paths.Length][];
        try
        {
            Parallel.For(0, paths.Length, new() { CancellationToken = cancellation }, i => decoded[i] = Square(RgbImage.Load(paths[i]), imageSize));
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);   // which names its file
        }
        return decoded;
    }

    private static IReadOnlyList<RgbImage> Required(IReadOnlyList<RgbImage> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        Require.That(images.Count > 0, $"A source of textures takes at least one image, got none. Pass null to train without one.");
        return images;
    }

    private static byte[] Square(RgbImage image, int side) => BicubicResize.Resize(image, side, side).Pixels.ToArray();
}
