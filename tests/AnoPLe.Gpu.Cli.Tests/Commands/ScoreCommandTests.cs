using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class ScoreCommandTests(SmallData data)
{
    [Fact]
    public async Task Every_image_gets_a_score_a_verdict_and_a_panel()
    {
        using var folder = new TempFolder();
        var json = (await Anople.Run("score", data.Detector, data.Category("test", "cut"), data.Category("test", "good"), "--weights", data.Weights,
            "--heatmaps", folder["maps"], "--json")).Fine().Json;
        float threshold = json.GetProperty("threshold").GetSingle();
        var images = json.GetProperty("images").EnumerateArray().ToArray();
        Assert.Equal(4, images.Length);
        foreach (var image in images)
        {
            Assert.Equal(image.GetProperty("score").GetSingle() > threshold ? "anomalous" : "normal", image.GetProperty("decision").GetString());
            Assert.InRange(image.GetProperty("textScore").GetSingle(), 0, 1);
            Assert.InRange(image.GetProperty("peakX").GetSingle(), 0, 1);
            RgbImage panel = RgbImage.Load(image.GetProperty("heatMap").GetString()!);
            // image, map and overlay at the model's 32 x 32, with gaps of 4
            Assert.Equal((104, 32), (panel.Width, panel.Height));
        }
        Assert.Empty(json.GetProperty("skipped").EnumerateArray());
    }

    [Fact]
    public async Task For_people_it_prints_one_line_per_image()
    {
        string image = data.Category("test", "good", "000.png");
        var result = (await Anople.Run("score", data.Detector, image, "--weights", data.Weights)).Fine();
        Assert.Single(result.Out.Split('\n'), line => line.TrimEnd().EndsWith(image, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_normal_image_it_was_fitted_on_scores_zero()
    {
        var json = (await Anople.Run("score", data.Detector, data.Category("train", "good", "000.png"), "--weights", data.Weights, "--json")).Fine().Json;
        Assert.InRange(json.GetProperty("images")[0].GetProperty("score").GetSingle(), 0, 1e-5f);
    }

    [Fact]
    public async Task A_broken_image_among_many_is_reported_and_the_rest_is_scored()
    {
        using var folder = new TempFolder();
        foreach (string path in Directory.EnumerateFiles(data.Category("test", "good")))
            File.Copy(path, folder[Path.GetFileName(path)]);
        File.WriteAllBytes(folder["001.png"], File.ReadAllBytes(folder["001.png"])[..200]);
        var result = await Anople.Run("score", data.Detector, folder.Root, "--weights", data.Weights, "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(2, result.Json.GetProperty("images").GetArrayLength());
        Assert.Equal("001.png", result.Json.GetProperty("skipped")[0].GetProperty("name").GetString());
        Assert.Contains("001.png", result.Error, StringComparison.Ordinal);
        Assert.Contains("1 of 3 images", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_of_one_name_from_two_folders_get_two_panels()
    {
        using var folder = new TempFolder();
        (await Anople.Run("score", data.Detector, data.Category("test", "good", "000.png"), data.Category("test", "cut", "000.png"), "--weights", data.Weights,
            "--heatmaps", folder["maps"])).Fine();
        Assert.Equal(["maps/000-2.png", "maps/000.png"], folder.Files());
    }

    [Theory]
    [InlineData()]
    [InlineData("--json")]
    public async Task A_detector_of_other_weights_is_refused_before_anything_is_printed(params string[] options)
    {
        var result = await Anople.Run(["score", data.Detector, data.Category("test"), "--weights", data.OtherWeights, .. options]);
        result.FailedWith("fabric.anople", "other CLIP weights");
        Assert.Empty(result.Out);
    }

    [Fact]
    public async Task Weights_are_no_detector()
        => (await Anople.Run("score", data.Weights, data.Category("test"), "--weights", data.Weights)).FailedWith("tiny.safetensors", "detector");

    [Fact]
    public async Task A_missing_detector_is_named()
        => (await Anople.Run("score", data.Detector + ".no", data.Category("test"), "--weights", data.Weights)).FailedWith("fabric.anople.no");

    [Fact]
    public async Task A_damaged_detector_is_refused()
    {
        using var folder = new TempFolder();
        byte[] file = File.ReadAllBytes(data.Detector);
        File.WriteAllBytes(folder["cut.anople"], file[..(file.Length / 2)]);
        (await Anople.Run("score", folder["cut.anople"], data.Category("test"), "--weights", data.Weights)).FailedWith("cut.anople");
    }

    [Fact]
    public async Task A_folder_without_images_is_named()
    {
        using var folder = new TempFolder();
        (await Anople.Run("score", data.Detector, folder.Root, "--weights", data.Weights)).FailedWith(folder.Root, "no images");
    }

    [Fact]
    public async Task Heat_maps_cannot_go_into_a_file()
        => (await Anople.Run("score", data.Detector, data.Category("test"), "--weights", data.Weights, "--heatmaps", data.Weights)).FailedWith("is a file");
}
