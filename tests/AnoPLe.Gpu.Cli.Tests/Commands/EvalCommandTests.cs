using System.Text.Json;
using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class EvalCommandTests(SmallData data)
{
    [Fact]
    public async Task Every_category_number_of_shots_and_seed_is_a_run()
    {
        using var folder = new TempFolder();
        var result = (await Anople.Run("eval", data.Dataset, "--weights", SmallData.Random, "--shots", "1,2", "--seeds", "2", "--out", folder["r"], "--heatmaps", "--json")).Fine();
        var json = result.Json;
        Assert.True(json.GetProperty("complete").GetBoolean());
        var runs = json.GetProperty("runs").EnumerateArray().ToArray();
        Assert.Equal(4 * 2 * 2, runs.Length);
        foreach (var run in runs)
        {
            Assert.Equal(run.GetProperty("shots").GetInt32(), run.GetProperty("fitted").GetArrayLength());
            Assert.Equal(6, run.GetProperty("images").GetArrayLength());
            Assert.Equal(3, run.GetProperty("image").GetProperty("anomalous").GetInt32());
            Assert.InRange(run.GetProperty("image").GetProperty("auroc").GetDouble(), 0, 1);
            Assert.Equal(6, run.GetProperty("pixel").GetProperty("images").GetInt32());
            // Maps and masks are compared at the model's 32 x 32.
            Assert.Equal(6 * 32 * 32, run.GetProperty("pixel").GetProperty("pixels").GetInt64());
            Assert.InRange(run.GetProperty("pixel").GetProperty("aupro").GetDouble(), 0, 1);
        }
        // Per category and number of shots, then the mean over categories.
        var summary = json.GetProperty("summary").EnumerateArray().ToArray();
        Assert.Equal((4 + 1) * 2, summary.Length);
        double mean = runs.Where(run => run.GetProperty("shots").GetInt32() == 2).Average(run => run.GetProperty("image").GetProperty("auroc").GetDouble());
        Assert.Equal(mean, summary[^1].GetProperty("mean").GetProperty("imageAuroc").GetDouble(), 12);

        Assert.Equal(json.GetRawText(), JsonDocument.Parse(File.ReadAllText(folder["r", "results.json"])).RootElement.GetRawText());
        string[] csv = File.ReadAllLines(folder["r", "results.csv"]);
        Assert.Equal("category,method,shots,seed,threshold,i_auroc,p_auroc,aupro,p_ap,p_f1_max,i_ap,i_f1_max", csv[0]);
        Assert.Equal(1 + 16, csv.Length);
        Assert.Equal(4 * 6, folder.Files("r/heatmaps").Count);
        RgbImage panel = RgbImage.Load(folder["r", "heatmaps", "fabric", "cut_000.png"]);
        Assert.Equal((4 * 32 + 3 * 4, 32), (panel.Width, panel.Height));
    }

    [Fact]
    public async Task The_table_has_a_row_per_category_and_the_mean()
    {
        var result = (await Anople.Run("eval", data.Dataset, "--weights", SmallData.Random, "--shots", "1", "--seeds", "2")).Fine();
        foreach (string row in new[] { "fabric", "plate", "mean" })
            Assert.Matches($@"(?m)^{row} +1 +[\d.]+ ± [\d.]+ ", result.Out);
        Assert.Contains("I-AUROC", result.Out, StringComparison.Ordinal);
        Assert.Contains("MVTec AD", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fitted_and_trained_stand_side_by_side()
    {
        using var folder = new TempFolder();
        string[] work = ["eval", data.Category(), "--weights", SmallData.Random, "--shots", "1,2", "--seeds", "2", "--method", "both", "--out", folder["r"], .. TrainCommandTests.Quick];
        var table = (await Anople.Run(work)).Fine();
        foreach (string method in new[] { "memory only", "trained" })
            Assert.Matches($@"(?m)^fabric +{method} +2 +[\d.]+ ± [\d.]+ ", table.Out);
        Assert.Contains("2 steps on 2 normal images", table.Error, StringComparison.Ordinal);
        Assert.Equal(["r/losses/fabric_1_0.svg", "r/losses/fabric_1_1.svg", "r/losses/fabric_2_0.svg", "r/losses/fabric_2_1.svg"], folder.Files("r/losses"));

        var json = JsonDocument.Parse(File.ReadAllText(folder["r", "results.json"])).RootElement;
        Assert.True(json.GetProperty("complete").GetBoolean());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("methods")[0].GetProperty("training").ValueKind);
        Assert.Equal(2, json.GetProperty("methods")[1].GetProperty("training").GetProperty("epochs").GetInt32());
        var runs = json.GetProperty("runs").EnumerateArray().ToArray();
        Assert.Equal(8, runs.Length);
        foreach (var run in runs)
        {
            bool trained = run.GetProperty("method").GetString() == "trained";
            Assert.Equal(trained ? 2 : 0, run.GetProperty("steps").GetInt32());
            Assert.Equal(trained ? 2 : 0, run.GetProperty("epochLosses").GetArrayLength());
        }
        // Both methods get the same shots.
        foreach (var same in runs.GroupBy(run => (run.GetProperty("shots").GetInt32(), run.GetProperty("seed").GetInt32())))
            Assert.Single(same.Select(run => run.GetProperty("fitted").GetRawText()).Distinct());
        Assert.Equal(["memory only", "trained"], File.ReadAllLines(folder["r", "results.csv"]).Skip(1).Select(line => line.Split(',')[1]).Distinct());

        // The same again: the same numbers.
        (await Anople.Run([.. work.Select(word => word == folder["r"] ? folder["again"] : word)])).Fine();
        Assert.Equal(File.ReadAllText(folder["r", "results.csv"]), File.ReadAllText(folder["again", "results.csv"]));
    }

    [Fact]
    public async Task The_ablation_has_a_row_per_variant_averaged_over_the_categories()
    {
        using var folder = new TempFolder();
        string[] rows = ["full method", "text prompts only", "visual prompts only", "text to visual only", "visual to text only", "no alignment loss", "single view",
            "no view signal", "view signal in encoder", "no memory bank", "memory only"];
        var result = (await Anople.Run(["eval", data.Dataset, "--category", "fabric", "--category", "plate", "--weights", SmallData.Random, "--shots", "1", "--seeds", "1",
            "--ablation", "--out", folder["r"], .. TrainCommandTests.Quick])).Fine();
        Assert.Contains("mean over 2 categories", result.Out, StringComparison.Ordinal);
        string[] lines = result.Out.Split('\n');
        int header = Array.FindIndex(lines, line => line.StartsWith("method ", StringComparison.Ordinal));
        Assert.Equal(rows, lines[(header + 1)..(header + 1 + rows.Length)].Select(line => line[..line.IndexOf("  ", StringComparison.Ordinal)]));
        var json = JsonDocument.Parse(File.ReadAllText(folder["r", "results.json"])).RootElement;
        Assert.Equal(rows, json.GetProperty("methods").EnumerateArray().Select(method => method.GetProperty("name").GetString()));
        Assert.Equal("textOnly", json.GetProperty("methods")[1].GetProperty("training").GetProperty("mode").GetString());
        Assert.Equal(2 * rows.Length, json.GetProperty("runs").GetArrayLength());
        Assert.Equal(1 + 2 * rows.Length, File.ReadAllLines(folder["r", "results.csv"]).Length);
        Assert.Equal(2 * (rows.Length - 1), folder.Files("r/losses").Count);
        Assert.Contains("r/losses/plate_1_0_single-view.svg", folder.Files());
    }

    [Fact]
    public async Task A_training_that_diverges_is_reported_and_the_rest_goes_on()
    {
        var result = await Anople.Run(["eval", data.Category(), "--weights", SmallData.Random, "--shots", "1", "--seeds", "1", "--method", "both", "--json",
            "--lr", "1e30", .. TrainCommandTests.Quick]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("1 of 2 runs failed", result.Error, StringComparison.Ordinal);
        Assert.Contains("Training stopped in step", result.Json.GetProperty("failed")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal("memory only", Assert.Single(result.Json.GetProperty("runs").EnumerateArray()).GetProperty("method").GetString());
        Assert.False(result.Json.GetProperty("complete").GetBoolean());
    }

    [Fact]
    public async Task One_category_can_be_chosen()
    {
        var json = (await Anople.Run("eval", data.Dataset, "--weights", SmallData.Random, "--shots", "1", "--seeds", "1", "--category", "plate", "--json")).Fine().Json;
        Assert.Equal("plate", Assert.Single(json.GetProperty("runs").EnumerateArray()).GetProperty("category").GetString());
        (await Anople.Run("eval", data.Dataset, "--weights", SmallData.Random, "--category", "spoon")).FailedWith("spoon", "plate");
    }

    [Fact]
    public async Task A_plain_folder_without_defects_has_scores_and_undefined_metrics()
    {
        using var folder = new TempFolder();
        Copy(data.Category("train", "good"), folder["part", "train"]);
        Copy(data.Category("test", "good"), folder["part", "test", "good"]);
        var table = (await Anople.Run("eval", folder["part"], "--weights", SmallData.Random, "--shots", "1", "--seeds", "1")).Fine();
        Assert.Contains("n/a", table.Out, StringComparison.Ordinal);
        var run = (await Anople.Run("eval", folder["part"], "--weights", SmallData.Random, "--shots", "1", "--seeds", "1", "--json")).Fine().Json.GetProperty("runs")[0];
        Assert.Equal(JsonValueKind.Null, run.GetProperty("image").GetProperty("auroc").ValueKind);
        Assert.Equal(JsonValueKind.Null, run.GetProperty("pixel").GetProperty("aupro").ValueKind);
        Assert.Equal(3, run.GetProperty("images").GetArrayLength());
    }

    [Fact]
    public async Task A_mask_of_another_size_leaves_its_image_out()
    {
        using var folder = new TempFolder();
        foreach (string sub in new[] { "train/good", "test/good", "test/cut", "ground_truth/cut" })
            Copy(data.Category(sub.Split('/')), folder["fabric", sub]);
        new RgbImage(7, 5, new byte[3 * 7 * 5]).SavePng(folder["fabric", "ground_truth", "cut", "000_mask.png"]);
        var result = await Anople.Run("eval", folder["fabric"], "--weights", SmallData.Random, "--shots", "1", "--seeds", "1", "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("000_mask.png: the mask has 7 x 5 pixels, its image 48 x 48", result.Error, StringComparison.Ordinal);
        Assert.Equal("fabric/test/cut/000.png", result.Json.GetProperty("skipped")[0].GetProperty("name").GetString());
        Assert.Equal(3, result.Json.GetProperty("runs")[0].GetProperty("images").GetArrayLength());
    }

    [Fact]
    public async Task A_folder_that_is_no_dataset_is_refused()
    {
        using var folder = new TempFolder();
        (await Anople.Run("eval", folder.Root, "--weights", SmallData.Random)).FailedWith(folder.Root, "no dataset");
        (await Anople.Run("eval", folder["none"], "--weights", SmallData.Random)).FailedWith("none", "no such folder");
    }

    [Fact]
    public async Task More_shots_than_normal_images_are_refused()
        => (await Anople.Run("eval", data.Dataset, "--weights", SmallData.Random, "--shots", "5")).FailedWith("4 normal images", "--shots");

    [Fact]
    public async Task Results_cannot_go_into_a_file()
        => (await Anople.Run("eval", data.Dataset, "--weights", SmallData.Random, "--out", data.Weights)).FailedWith("is a file");

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string path in Directory.EnumerateFiles(from))
            File.Copy(path, Path.Combine(to, Path.GetFileName(path)));
    }
}
