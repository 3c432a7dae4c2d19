namespace AnoPLe.Gpu.Datasets;

/// <summary>The layout of MVTec AD (Bergmann et al., IJCV 129, 2021), which many other datasets share.</summary>
internal static class MvtecLayout
{
    public static bool IsCategory(string folder) => Directory.Exists(Path.Combine(folder, "train", DatasetItem.Good));

    public static DatasetCategory Read(string folder, List<string> notes)
    {
        string good = Path.Combine(folder, "train", DatasetItem.Good), test = Path.Combine(folder, "test");
        List<DatasetItem> train = [.. ImageFiles.In(good).Select(path =>
            new DatasetItem(path, ImageFiles.NameBelow(folder, path), DatasetSplit.Train, ImageLabel.Normal, DatasetItem.Good, MaskPath: null))];
        if (train.Count == 0)
            throw new InvalidDataException(
                $"{good}: no normal images to fit on. Put at least one image ({string.Join(' ', ImageFiles.Extensions)}) there.");
        string name = Path.GetFileName(folder);
        if (!Directory.Exists(test))
            notes.Add($"{name}: no test folder, so there is nothing to score.");
        return new(name, folder, train, Directory.Exists(test) ? PlainLayout.Items(folder, test, DatasetSplit.Test) : []);
    }
}
