using System.Security.Cryptography;
using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class FitCommandTests(SmallData data)
{
    [Fact]
    public async Task It_says_what_was_learned_and_from_which_images()
    {
        using var folder = new TempFolder();
        var json = (await Anople.Run("fit", "--weights", data.Weights, "--class", "metal_nut", "--out", folder["d.anople"], "--shots", "2", "--seed", "3", "--json",
            data.Category("train", "good"))).Fine().Json;
        Assert.Equal("metal nut", json.GetProperty("className").GetString());
        Assert.Equal(folder["d.anople"], json.GetProperty("detector").GetString());
        Assert.True(json.GetProperty("calibration").GetProperty("threshold").GetSingle() > 0);
        Assert.Equal("tiny", json.GetProperty("model").GetProperty("config").GetString());
        var fitted = json.GetProperty("fitted").EnumerateArray().ToArray();
        Assert.Equal(2, fitted.Length);
        foreach (var shot in fitted)
        {
            byte[] file = File.ReadAllBytes(data.Category("train", "good", shot.GetProperty("name").GetString()!));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), shot.GetProperty("sha256").GetString());
        }
        Assert.Equal(["d.anople"], folder.Files());
    }

    [Fact]
    public async Task For_people_it_prints_the_shots_the_threshold_and_the_file()
    {
        using var folder = new TempFolder();
        var result = (await Anople.Run("fit", "--weights", data.Weights, "--class", "fabric", "--out", folder["d.anople"], "--threshold", "0.25",
            data.Category("train", "good", "000.png"), data.Category("train", "good", "001.png"))).Fine();
        Assert.Contains("000.png", result.Out, StringComparison.Ordinal);
        Assert.Contains("Anomalous above 0.25 (given)", result.Out, StringComparison.Ordinal);
        Assert.Contains($"Written: {folder["d.anople"]}", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_seed_draws_the_same_shots_and_writes_the_same_bytes()
    {
        using var folder = new TempFolder();
        foreach (string name in new[] { "1", "2" })
            (await Anople.Run("fit", "--weights", data.Weights, "--class", "fabric", "--out", folder[name], "--shots", "2", "--seed", "7", data.Category())).Fine();
        Assert.Equal(File.ReadAllBytes(folder["1"]), File.ReadAllBytes(folder["2"]));
    }

    [Fact]
    public async Task Random_weights_by_name_are_those_of_the_file()
    {
        using var folder = new TempFolder();
        (await Anople.Run("fit", "--weights", SmallData.Random, "--class", "fabric", "--out", folder["d"], data.Category())).Fine();
        Assert.Equal(File.ReadAllBytes(data.Detector), File.ReadAllBytes(folder["d"]));
    }

    [Fact]
    public async Task A_missing_image_is_named()
        => (await Fit(data.Category("train", "good", "no.png"))).FailedWith("no.png", "no such file or folder. Name images");

    [Fact]
    public async Task A_file_that_is_no_image_is_named()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["words.png"], "these are words, not pixels");
        (await Fit(folder["words.png"])).FailedWith("words.png");
    }

    [Fact]
    public async Task An_empty_folder_has_no_normal_images()
    {
        using var folder = new TempFolder();
        (await Fit(folder.Root)).FailedWith(folder.Root, "no normal images");
    }

    [Fact]
    public async Task A_class_name_of_300_characters_is_refused_without_a_file()
    {
        using var folder = new TempFolder();
        string name = string.Concat(Enumerable.Repeat("part ", 60));
        (await Anople.Run("fit", "--weights", data.Weights, "--class", name, "--out", folder["d"], data.Category())).FailedWith("299 characters", "200");
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task Missing_weights_are_named()
    {
        using var folder = new TempFolder();
        (await Anople.Run("fit", "--weights", folder["none.safetensors"], "--class", "x", "--out", folder["d"], data.Category())).FailedWith("none.safetensors");
    }

    [Fact]
    public async Task Weights_of_another_architecture_are_refused()
    {
        using var folder = new TempFolder();
        // A detector is a sound safetensors file, but no CLIP model.
        (await Anople.Run("fit", "--weights", data.Detector, "--class", "x", "--out", folder["d"], data.Category())).FailedWith("fabric.anople", "Expected");
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task A_device_that_is_not_there_is_named_with_those_that_are()
    {
        using var folder = new TempFolder();
        (await Anople.Run("fit", "--weights", data.Weights, "--class", "x", "--out", folder["d"], "--device", "cuda:99", data.Category())).FailedWith("cuda:99", "cpu");
    }

    [Fact]
    public async Task More_shots_than_images_are_refused()
    {
        using var folder = new TempFolder();
        (await Anople.Run("fit", "--weights", data.Weights, "--class", "x", "--out", folder["d"], "--shots", "9", data.Category())).FailedWith("9", "4");
    }

    [Fact]
    public async Task The_output_folder_must_exist_and_the_output_be_a_file()
    {
        using var folder = new TempFolder();
        (await Anople.Run("fit", "--weights", data.Weights, "--class", "x", "--out", folder["no", "d"], data.Category())).FailedWith(folder["no"], "does not exist");
        (await Anople.Run("fit", "--weights", data.Weights, "--class", "x", "--out", folder.Root, data.Category())).FailedWith(folder.Root, "folder");
    }

    [Fact]
    public async Task Several_products_have_a_memory_and_a_threshold_each()
    {
        using var folder = new TempFolder();
        string[] work = ["fit", "--weights", data.Weights, "--out", folder["d"], "--class", $"fabric={data.Category()}",
            "--class", $"plate={Path.Combine(data.Dataset, "plate")}", "--shots", "2"];
        var classes = (await Anople.Run([.. work, "--json"])).Fine().Json.GetProperty("classes").EnumerateArray().ToArray();
        Assert.Equal(["fabric", "plate"], classes.Select(c => c.GetProperty("name").GetString()));
        Assert.NotEqual(classes[0].GetProperty("calibration").GetRawText(), classes[1].GetProperty("calibration").GetRawText());
        Assert.Equal(4, classes.Sum(c => c.GetProperty("fitted").GetArrayLength()));
        var text = (await Anople.Run(work)).Fine();
        Assert.Matches(@"(?m)^plate +\d+\.png +[0-9a-f]{64}", text.Out);
        Assert.Equal(2, text.Out.Split("Anomalous above").Length - 1);
    }

    [Fact]
    public async Task A_product_may_have_several_paths()
    {
        using var folder = new TempFolder();
        var json = (await Anople.Run("fit", "--weights", data.Weights, "--out", folder["d"], "--class", $"fabric={data.Category("train", "good", "000.png")}",
            "--class", $"fabric={data.Category("train", "good", "001.png")}", "--json")).Fine().Json;
        Assert.Equal(2, Assert.Single(json.GetProperty("classes").EnumerateArray()).GetProperty("fitted").GetArrayLength());
    }

    private async Task<CliResult> Fit(string images)
    {
        using var folder = new TempFolder();
        var result = await Anople.Run("fit", "--weights", data.Weights, "--class", "fabric", "--out", folder["d"], images);
        Assert.Empty(folder.Files());
        return result;
    }
}
