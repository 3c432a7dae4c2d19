using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Tests.Datasets;

public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void Mvtec_category_with_both_mask_names()
    {
        folder.With("screw/train/good/b.PNG", "screw/train/good/a.jpg", "screw/train/good/notes.txt", "screw/train/good/._a.jpg", "screw/test/good/0.png",
            "screw/test/crack/1.png", "screw/test/crack/10.jpg", "screw/test/crack/2.png", "screw/test/bent/7.bmp",
            "screw/ground_truth/crack/1_mask.png", "screw/ground_truth/crack/10.png", "screw/ground_truth/bent/7_mask.jpg");
        Dataset dataset = Dataset.Open(folder["screw"] + "/");
        Assert.Equal(DatasetLayout.MvtecAd, dataset.Layout);
        var category = Assert.Single(dataset.Categories);
        Assert.Equal("screw", category.Name);
        Assert.Equal(["train/good/a.jpg", "train/good/b.PNG"], category.Train.Select(i => i.Name));
        Assert.All(category.Train, i => Assert.Equal((DatasetSplit.Train, ImageLabel.Normal, "good", null), (i.Split, i.Label, i.DefectType, i.MaskPath)));
        Assert.Equal(["test/bent/7.bmp", "test/crack/1.png", "test/crack/10.jpg", "test/crack/2.png", "test/good/0.png"], category.Test.Select(i => i.Name));
        // A JPEG is no mask: it has no clean zeros.
        Assert.Equal([null, "ground_truth/crack/1_mask.png", "ground_truth/crack/10.png", null, null],
            category.Test.Select(i => i.MaskPath is null ? null : Path.GetRelativePath(category.Folder, i.MaskPath)));
        Assert.Equal([false, true, true, false, true], category.Test.Select(i => i.HasPixelTruth));
        Assert.Equal(["bent", "crack", "crack", "crack", "good"], category.Test.Select(i => i.DefectType));
        Assert.All(category.Test, i => Assert.Equal(i.DefectType == "good" ? ImageLabel.Normal : ImageLabel.Anomalous, i.Label));
        Assert.All(category.Test.Concat(category.Train), i => Assert.True(File.Exists(i.Path)));
        Assert.Equal(2, category.MissingMasks);
        Assert.Contains("2 defective images have no mask", Assert.Single(dataset.Notes), StringComparison.Ordinal);
        Assert.Contains("screw: 2 normal to fit on, 5 to score (1 good, 1 bent, 3 crack), 2 masks", dataset.Report(), StringComparison.Ordinal);
    }

    [Fact]
    public void Mvtec_root_lists_categories_in_order_and_names_what_it_skips()
    {
        folder.With("zip/train/good/0.png", "zip/test/good/1.png", "Bottle/train/good/0.png", "apple/train/good/0.png", "extra/readme.txt", "licence.txt");
        Dataset dataset = Dataset.Open(folder.Path);
        Assert.Equal(["Bottle", "apple", "zip"], dataset.Categories.Select(c => c.Name));
        Assert.Contains(dataset.Notes, note => note.Contains("extra", StringComparison.Ordinal));
        Assert.Contains(dataset.Notes, note => note.StartsWith("apple: no test folder", StringComparison.Ordinal));
        Assert.Contains("MVTec AD layout, 3 categories", dataset.Report(), StringComparison.Ordinal);
    }

    [Fact]
    public void Visa_with_the_official_split_and_annotations()
    {
        folder.With("candle/Data/Images/Normal/0000.JPG", "candle/Data/Images/Normal/0001.JPG", "candle/Data/Images/Normal/0002.JPG",
            "candle/Data/Images/Anomaly/000.JPG", "candle/Data/Images/Anomaly/001.JPG", "candle/Data/Masks/Anomaly/000.png")
            .Write("candle/image_anno.csv", "image,label,mask\r\ncandle/Data/Images/Normal/0000.JPG,normal,\r\n" +
                "candle/Data/Images/Anomaly/000.JPG,\"wax, spot\",candle/Data/Masks/Anomaly/000.png\r\n")
            .Write("split_csv/1cls.csv", "object,split,label,image,mask\ncandle,train,normal,candle/Data/Images/Normal/0002.JPG,\n" +
                "candle,train,normal,candle/Data/Images/Normal/0000.JPG,\nother,train,normal,candle/Data/Images/Normal/0001.JPG,\n" +
                "candle,test,normal,candle/Data/Images/Normal/0001.JPG,\n\ncandle,train,normal,../../outside.JPG,\n");
        foreach (string path in new[] { folder.Path, folder["candle"] })
        {
            Dataset dataset = Dataset.Open(path);
            Assert.Equal(DatasetLayout.VisA, dataset.Layout);
            var category = Assert.Single(dataset.Categories);
            Assert.Equal(["Data/Images/Normal/0000.JPG", "Data/Images/Normal/0002.JPG"], category.Train.Select(i => i.Name));
            Assert.Equal(["Data/Images/Anomaly/000.JPG", "Data/Images/Anomaly/001.JPG", "Data/Images/Normal/0001.JPG"], category.Test.Select(i => i.Name));
            Assert.Equal(["wax+spot", "anomaly", "good"], category.Test.Select(i => i.DefectType));
            Assert.Equal([folder["candle/Data/Masks/Anomaly/000.png"], null, null], category.Test.Select(i => i.MaskPath));
            Assert.Equal(DatasetSplit.Train, category.Train[0].Split);
        }
    }

    [Fact]
    public void Visa_without_a_split_sets_every_second_normal_image_aside()
    {
        folder.With("pcb/Data/Images/Normal/0.JPG", "pcb/Data/Images/Normal/1.JPG", "pcb/Data/Images/Normal/2.JPG", "pcb/Data/Images/Anomaly/0.JPG");
        Dataset dataset = Dataset.Open(folder["pcb"]);
        Assert.Equal(["Data/Images/Normal/0.JPG", "Data/Images/Normal/2.JPG"], dataset.Categories[0].Train.Select(i => i.Name));
        Assert.Equal(["Data/Images/Anomaly/0.JPG", "Data/Images/Normal/1.JPG"], dataset.Categories[0].Test.Select(i => i.Name));
        Assert.Contains(dataset.Notes, note => note.Contains("2 of the normal images", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("object,split,image\nx,train", "line 2 has 2 fields, expected 3")]
    [InlineData("object,split\n", "expected among them 'object, split, image'")]
    [InlineData("object,split,image\nx,\"train,x.png", "line 2 opens a quote")]
    [InlineData("", "expected among them")]
    [InlineData("object,split,image\nx,train,x/none.png", "names no training image of 'x' that exists")]
    public void Malformed_tables_are_refused(string table, string message)
    {
        folder.With("x/Data/Images/Normal/0.JPG").Write("split_csv/1cls.csv", table);
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder["x"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("1cls.csv", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Plain_good_and_defect_folders()
    {
        folder.With("part/OK/1.png", "part/OK/2.png", "part/OK/3.png", "part/broken/9.png", "part/ground_truth/broken/9.png", "part/stained/8.png", "part/empty/");
        Dataset dataset = Dataset.Open(folder["part"]);
        Assert.Equal(DatasetLayout.PlainFolder, dataset.Layout);
        var category = Assert.Single(dataset.Categories);
        Assert.Equal(["OK/1.png", "OK/3.png"], category.Train.Select(i => i.Name));
        Assert.Equal([("OK/2.png", "good"), ("broken/9.png", "broken"), ("stained/8.png", "stained")], category.Test.Select(i => (i.Name, i.DefectType)));
        Assert.Equal(folder["part/ground_truth/broken/9.png"], category.Test[1].MaskPath);
        Assert.Equal(folder["part/OK/1.png"], ImageFiles.Normal(folder["part"])[0]);
        Assert.Equal(3, ImageFiles.Normal(folder["part"]).Count);
        Assert.Equal(5, ImageFiles.ToScore(folder["part"]).Count);
    }

    [Theory]
    [InlineData("p/train/1.png p/test/good/2.png p/test/bad/3.png", "train/1.png", "test/bad/3.png test/good/2.png")]
    [InlineData("p/train/normal/1.png p/test/4.png", "train/normal/1.png", "test/4.png")]
    [InlineData("p/1.png p/2.png", "1.png 2.png", "")]
    [InlineData("p/1.png p/scratch/2.png", "1.png", "scratch/2.png")]
    public void Plain_folders_of_other_kinds(string files, string train, string test)
    {
        folder.With(files.Split(' '));
        var category = Assert.Single(Dataset.Open(folder["p"]).Categories);
        Assert.Equal(train.Split(' '), category.Train.Select(i => i.Name));
        Assert.Equal(test.Split(' ', StringSplitOptions.RemoveEmptyEntries), category.Test.Select(i => i.Name));
    }

    [Theory]
    [InlineData("p/", "no subfolder")]
    [InlineData("p/readme.txt", "1 files, none of them an image")]
    [InlineData("p/broken/1.png", "no normal images")]
    [InlineData("p/good/", "no normal images")]
    [InlineData("p/train/good/", "no normal images to fit on")]
    [InlineData("p/c/Data/Images/Normal/readme.txt", "no normal images to fit on")]
    public void Without_normal_images_the_error_says_what_is_expected(string file, string message)
    {
        folder.With(file);
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(folder["p"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder["p"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_folders_and_files_are_told_apart()
    {
        folder.With("file.png");
        Assert.Contains("no such folder", Assert.Throws<DirectoryNotFoundException>(() => Dataset.Open(folder["none"])).Message, StringComparison.Ordinal);
        Assert.Contains("is a file", Assert.Throws<DirectoryNotFoundException>(() => Dataset.Open(folder["file.png"])).Message, StringComparison.Ordinal);
        Assert.Throws<DirectoryNotFoundException>(() => ImageFiles.Normal(folder["none"]));
        Assert.Throws<DirectoryNotFoundException>(() => ImageFiles.ToScore(folder["none"]));
    }

    [Fact]
    public void Images_to_fit_on_and_to_score_from_a_path()
    {
        folder.With("a/train/good/1.png", "a/test/good/2.png", "a/test/hole/3.png", "b/train/good/1.png", "flat/2.webp", "flat/10.tiff", "flat/x.gz", "none/");
        Assert.Equal([folder["a/train/good/1.png"]], ImageFiles.Normal(folder["a"]));
        Assert.Equal([folder["flat/10.tiff"], folder["flat/2.webp"]], ImageFiles.Normal(folder["flat"]));
        Assert.Equal([folder["flat/2.webp"]], ImageFiles.Normal(folder["flat/2.webp"]));
        Assert.Contains("holds 2 categories (a, b)", Assert.Throws<InvalidDataException>(() => ImageFiles.Normal(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Equal(["test/good/2.png", "test/hole/3.png"], ImageFiles.ToScore(folder["a"]).Select(i => i.Name));
        Assert.Equal([ImageLabel.Unknown, ImageLabel.Unknown], ImageFiles.ToScore(folder["flat"]).Select(i => i.Label));
        Assert.False(Assert.Single(ImageFiles.ToScore(folder["flat/2.webp"])).HasPixelTruth);
        Assert.Contains("no images to score", Assert.Throws<InvalidDataException>(() => ImageFiles.ToScore(folder["none"])).Message, StringComparison.Ordinal);
        Assert.Contains("no images to score", Assert.Throws<InvalidDataException>(() => ImageFiles.ToScore(folder["b"])).Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();
}
