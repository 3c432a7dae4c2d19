using System.Text;

namespace AnoPLe.Gpu.Datasets;

/// <summary>How a dataset lies on disk.</summary>
public enum DatasetLayout
{
    /// <summary>CATEGORY/train/good, CATEGORY/test/DEFECT, CATEGORY/ground_truth/DEFECT/NAME_mask.png or NAME.png.</summary>
    MvtecAd,

    /// <summary>CATEGORY/Data/Images/{Normal,Anomaly}, CATEGORY/Data/Masks/Anomaly, CATEGORY/image_anno.csv and split_csv/1cls.csv.</summary>
    VisA,

    /// <summary>A folder of normal images, or one subfolder of normal images (good, normal, ok, ...) beside one per defect type.</summary>
    PlainFolder,
}

/// <summary>One object or texture of a dataset; items sorted by name, in ordinal order.</summary>
/// <param name="Name">The class name, for example "hazelnut".</param>
/// <param name="Folder">Full path of its folder.</param>
/// <param name="Train">Normal images to fit on; never empty.</param>
/// <param name="Test">Images to score; may be empty.</param>
public sealed record DatasetCategory(string Name, string Folder, IReadOnlyList<DatasetItem> Train, IReadOnlyList<DatasetItem> Test)
{
    /// <summary>Anomalous test images without a mask: image metrics count them, pixel metrics leave them out.</summary>
    public int MissingMasks => Test.Count(item => item is { Label: ImageLabel.Anomalous, MaskPath: null });
}

/// <summary>A dataset found on disk: what was detected, and every image with its label and mask. Opening reads names and tables, no image.</summary>
/// <param name="Folder">Full path.</param>
/// <param name="Layout">The detected layout.</param>
/// <param name="Categories">At least one, in ordinal order of their names.</param>
/// <param name="Notes">What a person should know: skipped folders, missing masks, images set aside for fitting.</param>
public sealed record Dataset(string Folder, DatasetLayout Layout, IReadOnlyList<DatasetCategory> Categories, IReadOnlyList<string> Notes)
{
    /// <summary>Detects the layout of a folder (a category, or a folder of categories) and lists its images.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="InvalidDataException">No known layout, no normal images to fit on, or a malformed table of a VisA dataset.</exception>
    public static Dataset Open(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(folder))
            throw new DirectoryNotFoundException($"{folder}: is a file, expected the folder of a dataset.");
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{folder}: no such folder. Name the folder of a dataset or of one category.");
        List<string> notes = [];
        foreach (var (layout, isCategory, isMember, read) in Layouts)
        {
            bool single = isCategory(folder);
            List<string> folders = single ? [folder] : [.. ImageFiles.Folders(folder).Where(isMember)];
            if (folders.Count == 0)
                continue;
            if (!single)
                NoteSkipped(folder, folders, notes);
            List<DatasetCategory> categories = [.. folders.Select(category => read(category, notes))];
            foreach (var category in categories.Where(category => category.MissingMasks > 0))
                notes.Add($"{category.Name}: {category.MissingMasks} defective images have no mask; they count for image metrics only.");
            return new(folder, layout, categories, notes);
        }
        throw Unknown(folder);
    }

    /// <summary>A summary for people: layout, categories, counts per defect type, notes.</summary>
    public string Report()
    {
        StringBuilder text = new();
        string layout = Layout switch { DatasetLayout.MvtecAd => "MVTec AD", DatasetLayout.VisA => "VisA", _ => "plain folder" };
        text.AppendLine($"{Folder}: {layout} layout, {Categories.Count} {(Categories.Count == 1 ? "category" : "categories")}");
        foreach (var category in Categories)
        {
            var types = category.Test.GroupBy(item => item.DefectType.Length == 0 ? "unlabelled" : item.DefectType)
                .OrderBy(group => group.Key != DatasetItem.Good).ThenBy(group => group.Key, StringComparer.Ordinal);
            text.Append($"  {category.Name}: {category.Train.Count} normal to fit on, {category.Test.Count} to score");
            text.AppendLine(category.Test.Count == 0 ? "" : $" ({string.Join(", ", types.Select(group => $"{group.Count()} {group.Key}"))}), " +
                $"{category.Test.Count(item => item.MaskPath is not null)} masks");
        }
        foreach (string note in Notes)
            text.AppendLine($"  note: {note}");
        return text.ToString();
    }

    // The first that recognises the folder, or a subfolder of it, reads it.
    private static readonly
        (DatasetLayout Layout, Func<string, bool> IsCategory, Func<string, bool> IsMember, Func<string, List<string>, DatasetCategory> Read)[] Layouts =
    [
        (DatasetLayout.MvtecAd, MvtecLayout.IsCategory, MvtecLayout.IsCategory, MvtecLayout.Read),
        (DatasetLayout.VisA, VisaLayout.IsCategory, VisaLayout.IsCategory, VisaLayout.Read),
        (DatasetLayout.PlainFolder, PlainLayout.IsCategory, PlainLayout.IsMember, PlainLayout.Read),
    ];

    private static void NoteSkipped(string folder, List<string> categories, List<string> notes)
    {
        string[] skipped = [.. ImageFiles.Folders(folder).Except(categories).Select(path => Path.GetFileName(path)).Where(name => name != "split_csv")];
        if (skipped.Length > 0)
            notes.Add($"skipped subfolders that are no category: {string.Join(", ", skipped)}.");
        int files = ImageFiles.In(folder).Count;
        if (files > 0)
            notes.Add($"skipped {files} images that lie beside the categories.");
    }

    private static InvalidDataException Unknown(string folder)
    {
        string[] found = [.. ImageFiles.Folders(folder).Take(6).Select(path => Path.GetFileName(path) + "/")];
        string files = $"{Directory.EnumerateFiles(folder).Count()} files, none of them an image ({string.Join(' ', ImageFiles.Extensions)})";
        return new($"{folder}: no normal images and no dataset found. It holds {files}, and {(found.Length == 0 ? "no subfolder" : "the subfolders " + string.Join(' ', found))}. " +
            "Expected train/good and test/DEFECT (MVTec AD), Data/Images/Normal (VisA), a subfolder good/ with normal images, or normal images themselves; " +
            "or a folder of such folders.");
    }
}
