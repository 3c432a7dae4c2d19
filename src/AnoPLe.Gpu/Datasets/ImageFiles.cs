namespace AnoPLe.Gpu.Datasets;

/// <summary>Finds image files by their extension, always in ordinal order of their names; names that begin with a dot are skipped.</summary>
public static class ImageFiles
{
    private static readonly string[] MaskEndings = [".png", ".bmp", ".tif", ".tiff", ".gif"];   // lossless: a JPEG has no clean zeros

    /// <summary>Extensions that are taken for images, in lower case; upper case counts too.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"];

    /// <summary>Whether the name ends like an image.</summary>
    public static bool IsImage(string path) => Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());

    /// <summary>Full paths of the images that lie directly in a folder.</summary>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    public static IReadOnlyList<string> In(string folder) =>
        [.. Directory.EnumerateFiles(Path.GetFullPath(folder)).Where(path => IsImage(path) && Path.GetFileName(path)[0] != '.').Order(StringComparer.Ordinal)];

    /// <summary>
    /// The normal images to fit on that a path stands for: a file; a folder of images; a folder with a subfolder of normal images
    /// (good, normal, ok, ...); or a category of a dataset, of which the training images are taken.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">No such file or folder.</exception>
    /// <exception cref="InvalidDataException">No normal images there, or several categories.</exception>
    public static IReadOnlyList<string> Normal(string path)
    {
        string full = Path.GetFullPath(path);
        if (File.Exists(full))
            return [full];
        if (!Directory.Exists(full))
            throw new DirectoryNotFoundException($"{full}: no such file or folder. Name images, a folder of images, or one category of a dataset.");
        if (In(full) is { Count: > 0 } images)
            return images;
        Dataset dataset = Dataset.Open(path);
        if (dataset.Categories.Count != 1)
            throw new InvalidDataException(
                $"{dataset.Folder}: holds {dataset.Categories.Count} categories ({string.Join(", ", dataset.Categories.Take(6).Select(c => c.Name))}), expected one. " +
                "Name the folder of one of them.");
        var (category, wholeGood) = (dataset.Categories[0], PlainLayout.NormalFolder(path));
        return wholeGood is null ? [.. category.Train.Select(item => item.Path)] : In(wholeGood);
    }

    /// <summary>
    /// The images to score that a path stands for: a file; a folder of images (labels unknown); a folder of subfolders, one per
    /// defect type and one of normal images; or a category of a dataset, of which the test images are taken.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">No such file or folder.</exception>
    /// <exception cref="InvalidDataException">No images there, or several categories.</exception>
    public static IReadOnlyList<DatasetItem> ToScore(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(full))
            return [Unlabelled(full)];
        if (!Directory.Exists(full))
            throw new DirectoryNotFoundException($"{full}: no such file or folder. Name an image or a folder of images.");
        if (In(full) is { Count: > 0 } images)
            return [.. images.Select(Unlabelled)];
        if (MvtecLayout.IsCategory(full) || VisaLayout.IsCategory(full))
            return Dataset.Open(full).Categories[0].Test is { Count: > 0 } test ? test : throw Nothing(full);
        string tests = Path.Combine(full, "test");
        List<DatasetItem> items = PlainLayout.Items(full, Directory.Exists(tests) ? tests : full, DatasetSplit.Test);
        return items.Count > 0 ? items : throw Nothing(full);
    }

    /// <summary>Subfolders in ordinal order.</summary>
    internal static IReadOnlyList<string> Folders(string folder) =>
        [.. Directory.EnumerateDirectories(folder).Where(path => Path.GetFileName(path)[0] != '.').Order(StringComparer.Ordinal)];

    /// <summary>The mask NAME_mask or NAME of an image in a folder of masks; null when there is none.</summary>
    internal static string? FindMask(string maskFolder, string imagePath)
    {
        string name = Path.GetFileNameWithoutExtension(imagePath);
        foreach (string stem in new[] { name + "_mask", name })
            foreach (string ending in MaskEndings)
                if (Path.Combine(maskFolder, stem + ending) is var candidate && File.Exists(candidate))
                    return candidate;
        return null;
    }

    /// <summary>The path below a folder, with forward slashes.</summary>
    internal static string NameBelow(string folder, string path) => Path.GetRelativePath(folder, path).Replace('\\', '/');

    private static DatasetItem Unlabelled(string path) =>
        new(path, Path.GetFileName(path), DatasetSplit.Test, ImageLabel.Unknown, "", MaskPath: null);

    private static InvalidDataException Nothing(string folder) =>
        new($"{folder}: no images to score. Expected images ({string.Join(' ', Extensions)}) in it, or subfolders of images.");
}
