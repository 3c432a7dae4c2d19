namespace AnoPLe.Gpu.Datasets;

/// <summary>
/// The layout of VisA (Zou et al., "SPot-the-Difference Self-Supervised Pre-training for Anomaly Detection and Segmentation", ECCV 2022):
/// CATEGORY/Data/Images/{Normal,Anomaly}, CATEGORY/Data/Masks/Anomaly, CATEGORY/image_anno.csv (image, label, mask; the label names the
/// defects), and beside the categories split_csv/1cls.csv (object, split, label, image, mask).
/// </summary>
internal static class VisaLayout
{
    public static bool IsCategory(string folder) => Directory.Exists(Path.Combine(folder, "Data", "Images", "Normal"));

    public static DatasetCategory Read(string folder, List<string> notes)
    {
        string name = Path.GetFileName(folder), root = Path.GetDirectoryName(folder) ?? folder;
        string normal = Path.Combine(folder, "Data", "Images", "Normal"), anomaly = Path.Combine(folder, "Data", "Images", "Anomaly");
        if (ImageFiles.In(normal).Count == 0)
            throw new InvalidDataException($"{normal}: no normal images to fit on. Unpack the whole category '{name}' there.");
        Dictionary<string, string> defects = DefectTypes(root, folder);
        List<DatasetItem> items = [.. ImageFiles.In(normal).Select(path => Item(folder, path, ImageLabel.Normal, DatasetItem.Good, mask: null))];
        if (Directory.Exists(anomaly))
            items.AddRange(ImageFiles.In(anomaly).Select(path => Item(folder, path, ImageLabel.Anomalous,
                defects.GetValueOrDefault(path, "anomaly"), ImageFiles.FindMask(Path.Combine(folder, "Data", "Masks", "Anomaly"), path))));
        items = [.. items.OrderBy(item => item.Name, StringComparer.Ordinal)];

        HashSet<string>? listed = TrainingImages(root, name);
        List<DatasetItem> train;
        if (listed is null)
        {
            train = PlainLayout.SetAside(items);
            notes.Add($"{name}: no split_csv/1cls.csv beside it, so {train.Count} of the normal images (every second one by name) are set aside to fit on.");
        }
        else
        {
            train = [.. items.Where(item => item.Label == ImageLabel.Normal && listed.Contains(item.Path)).Select(item => item with { Split = DatasetSplit.Train })];
            if (train.Count == 0)
                throw new InvalidDataException(
                    $"{Path.Combine(root, "split_csv", "1cls.csv")}: names no training image of '{name}' that exists. Unpack images and split_csv of one release together.");
        }
        HashSet<string> used = [.. train.Select(item => item.Path)];
        return new(name, folder, train, [.. items.Where(item => !used.Contains(item.Path))]);
    }

    private static DatasetItem Item(string folder, string path, ImageLabel label, string type, string? mask) =>
        new(path, ImageFiles.NameBelow(folder, path), DatasetSplit.Test, label, type, mask);

    /// <summary>Defect names by full image path; several defects of one image are joined by '+'.</summary>
    private static Dictionary<string, string> DefectTypes(string root, string folder)
    {
        string path = Path.Combine(folder, "image_anno.csv");
        if (!File.Exists(path))
            return [];
        Dictionary<string, string> types = [];
        foreach (var row in CsvTable.Read(path, "image", "label"))
            types[Path.GetFullPath(Path.Combine(root, row[0]))] = string.Join('+', row[1].Split(',', StringSplitOptions.TrimEntries));
        return types;
    }

    /// <summary>Full paths of a category's training images by the official one-class split; null when there is no such table.</summary>
    private static HashSet<string>? TrainingImages(string root, string name)
    {
        string path = Path.Combine(root, "split_csv", "1cls.csv");
        if (!File.Exists(path))
            return null;
        return [.. CsvTable.Read(path, "object", "split", "image")
            .Where(row => row[0] == name && row[1] == "train").Select(row => Path.GetFullPath(Path.Combine(root, row[2])))];
    }
}
