namespace AnoPLe.Gpu.Datasets;

/// <summary>
/// Folders as people keep them: normal images lie in train/ (or train/good and the like), in a subfolder good, normal or ok, or directly
/// in the folder; every other subfolder of test/ or of the folder itself is a defect type.
/// </summary>
internal static class PlainLayout
{
    private const string GroundTruth = "ground_truth";
    private static readonly string[] NormalNames = [DatasetItem.Good, "normal", "ok", "nominal", "pass"];
    private static readonly string[] NoDefects = ["train", GroundTruth, "mask", "masks"];

    /// <summary>The subfolder of normal images, when the folder has one with images in it.</summary>
    public static string? NormalFolder(string folder) =>
        ImageFiles.Folders(folder).FirstOrDefault(path => IsNormal(path) && ImageFiles.In(path).Count > 0);

    /// <summary>Whether the folder itself, named by the user, can be fitted on.</summary>
    public static bool IsCategory(string folder) => ImageFiles.In(folder).Count > 0 || IsMember(folder);

    /// <summary>Whether a subfolder is a category: stricter, because a subfolder of mere images may well hold defects.</summary>
    public static bool IsMember(string folder) => NormalFolder(folder) is not null || TrainFolder(folder) is not null;

    public static DatasetCategory Read(string folder, List<string> notes)
    {
        string name = Path.GetFileName(folder);
        if (TrainFolder(folder) is { } train)
        {
            string tests = Path.Combine(folder, "test");
            return new(name, folder, Normals(folder, train), Items(folder, Directory.Exists(tests) ? tests : folder, DatasetSplit.Test));
        }
        if (NormalFolder(folder) is null)
            return new(name, folder, Normals(folder, folder), Items(folder, folder, DatasetSplit.Test, direct: false));
        List<DatasetItem> items = Items(folder, folder, DatasetSplit.Test, direct: false);
        List<DatasetItem> fit = SetAside(items);
        notes.Add($"{name}: no train folder, so {fit.Count} of the normal images (every second one by name) are set aside to fit on.");
        HashSet<string> used = [.. fit.Select(item => item.Path)];
        return new(name, folder, fit, [.. items.Where(item => !used.Contains(item.Path))]);
    }

    /// <summary>Every second normal image by name, the first included, as training images.</summary>
    public static List<DatasetItem> SetAside(IEnumerable<DatasetItem> items) =>
        [.. items.Where(item => item.Label == ImageLabel.Normal).Where((_, i) => i % 2 == 0).Select(item => item with { Split = DatasetSplit.Train })];

    /// <summary>The images of each subfolder of parent with the label its name gives, and those directly in parent, unlabelled; sorted by name.</summary>
    public static List<DatasetItem> Items(string category, string parent, DatasetSplit split, bool direct = true)
    {
        List<DatasetItem> items = [];
        if (direct)
            items.AddRange(ImageFiles.In(parent).Select(path =>
                new DatasetItem(path, ImageFiles.NameBelow(category, path), split, ImageLabel.Unknown, "", MaskPath: null)));
        foreach (string sub in ImageFiles.Folders(parent))
        {
            string type = Path.GetFileName(sub);
            bool normal = IsNormal(sub);
            if (NoDefects.Contains(type, StringComparer.OrdinalIgnoreCase))
                continue;
            string masks = Path.Combine(category, GroundTruth, type);
            items.AddRange(ImageFiles.In(sub).Select(path => new DatasetItem(path, ImageFiles.NameBelow(category, path), split,
                normal ? ImageLabel.Normal : ImageLabel.Anomalous, normal ? DatasetItem.Good : type, normal ? null : ImageFiles.FindMask(masks, path))));
        }
        return [.. items.OrderBy(item => item.Name, StringComparer.Ordinal)];
    }

    private static string? TrainFolder(string folder)
    {
        string train = Path.Combine(folder, "train");
        if (!Directory.Exists(train))
            return null;
        return ImageFiles.In(train).Count > 0 ? train : NormalFolder(train);
    }

    private static List<DatasetItem> Normals(string category, string folder) =>
        [.. ImageFiles.In(folder).Select(path =>
            new DatasetItem(path, ImageFiles.NameBelow(category, path), DatasetSplit.Train, ImageLabel.Normal, DatasetItem.Good, MaskPath: null))];

    private static bool IsNormal(string path) => NormalNames.Contains(Path.GetFileName(path), StringComparer.OrdinalIgnoreCase);
}
