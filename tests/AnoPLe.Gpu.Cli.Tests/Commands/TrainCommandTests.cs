using System.Security.Cryptography;
using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class TrainCommandTests(SmallData data)
{
    /// <summary>Two steps that take milliseconds with tiny weights.</summary>
    public static string[] Quick { get; } = ["--epochs", "2", "--min-steps", "0", "--hidden", "16", "--text-tokens", "2", "--visual-tokens", "2"];

    [Fact]
    public async Task It_says_what_was_trained_on_which_images_and_how_the_losses_went()
    {
        using var folder = new TempFolder();
        var json = (await Train(folder["d.anople"], ["--class", "metal_nut", "--shots", "3", "--seed", "5", "--batch", "2", "--mode", "t2v", "--w-align", "0.5",
            "--loss-plot", folder["losses.svg"], "--json", data.Category("train", "good")])).Fine().Json;
        Assert.Equal(folder["d.anople"], json.GetProperty("detector").GetString());
        Assert.Equal("tiny", json.GetProperty("model").GetProperty("config").GetString());
        var options = json.GetProperty("options");
        Assert.Equal("textToVisual", options.GetProperty("mode").GetString());
        Assert.Equal(0.5, options.GetProperty("alignmentWeight").GetDouble());
        Assert.Equal(5, options.GetProperty("seed").GetInt32());
        Assert.Equal((4, 2), (json.GetProperty("steps").GetInt32(), json.GetProperty("stepsPerEpoch").GetInt32()));
        Assert.True(json.GetProperty("secondsPerStep").GetDouble() > 0);
        var losses = json.GetProperty("epochLosses").EnumerateArray().ToArray();
        Assert.Equal(2, losses.Length);
        Assert.All(losses, loss => Assert.InRange(loss.GetProperty("total").GetDouble(), 1e-3, 1e3));
        var trained = Assert.Single(json.GetProperty("classes").EnumerateArray());
        Assert.Equal("metal nut", trained.GetProperty("name").GetString());
        Assert.True(trained.GetProperty("calibration").GetProperty("threshold").GetSingle() > 0);
        var shots = trained.GetProperty("fitted").EnumerateArray().ToArray();
        Assert.Equal(3, shots.Length);
        foreach (var shot in shots)
        {
            byte[] file = File.ReadAllBytes(data.Category("train", "good", shot.GetProperty("name").GetString()!));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), shot.GetProperty("sha256").GetString());
        }
        Assert.Equal(["d.anople", "losses.svg"], folder.Files());
    }

    [Fact]
    public async Task For_people_it_prints_the_plan_the_shots_and_the_losses()
    {
        using var folder = new TempFolder();
        var result = (await Train(folder["d.anople"], ["--class", "fabric", "--threshold", "0.25", data.Category("train", "good", "000.png")])).Fine();
        Assert.Contains("Training: 2 steps on 1 normal image, 1 step per epoch, 5 views of each image", result.Error, StringComparison.Ordinal);
        Assert.Contains("000.png", result.Out, StringComparison.Ordinal);
        Assert.Contains("Anomalous above 0.25 (given)", result.Out, StringComparison.Ordinal);
        Assert.Matches(@"Loss: [\d.]+ in the first epoch, [\d.]+ in the last; [\d.]+ s per step", result.Out);
        Assert.Contains($"Written: {folder["d.anople"]}", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_seed_writes_the_same_bytes_and_another_one_others()
    {
        using var folder = new TempFolder();
        foreach (var (name, seed) in new[] { ("1", "7"), ("2", "7"), ("3", "8") })
            (await Train(folder[name], ["--class", "fabric", "--seed", seed, data.Category()])).Fine();
        Assert.Equal(File.ReadAllBytes(folder["1"]), File.ReadAllBytes(folder["2"]));
        Assert.NotEqual(File.ReadAllBytes(folder["1"]), File.ReadAllBytes(folder["3"]));
    }

    [Fact]
    public async Task An_interrupted_training_goes_on_and_ends_with_the_same_bytes()
    {
        using var folder = new TempFolder();
        // Checkpoints are written every 50 steps; most of the steps are left when the first one is seen.
        string[] work = ["--class", "fabric", "--views", "1", "--epochs", "400", data.Category("train", "good", "000.png")];
        string checkpoint = folder["c.checkpoint"];
        using var cancellation = new CancellationTokenSource();
        using var stderr = new StringWriter();
        Task<CliResult> running = Anople.Run(stderr, cancellation.Token, Line(folder["resumed"], [.. work, "--checkpoint", checkpoint]));
        while (!File.Exists(checkpoint) && !running.IsCompleted)
            await Task.Delay(2, TestContext.Current.CancellationToken);
        await cancellation.CancelAsync();
        var interrupted = await running;
        Assert.Equal(1, interrupted.ExitCode);
        Assert.Contains($"cancelled: the training is kept in {checkpoint}. The same command goes on from there.", interrupted.Error, StringComparison.Ordinal);
        Assert.Equal(["c.checkpoint"], folder.Files());

        var resumed = (await Train(folder["resumed"], [.. work, "--checkpoint", checkpoint])).Fine();
        Assert.Contains($"Going on from {checkpoint}", resumed.Error, StringComparison.Ordinal);
        (await Train(folder["whole"], work)).Fine();
        Assert.Equal(File.ReadAllBytes(folder["whole"]), File.ReadAllBytes(folder["resumed"]));

        (await Train(folder["other"], [.. work, "--checkpoint", checkpoint, "--seed", "1"])).FailedWith("c.checkpoint", "belongs to another training");
    }

    [Fact]
    public async Task A_training_cancelled_without_a_checkpoint_leaves_nothing_and_says_how_to_keep_it()
    {
        using var folder = new TempFolder();
        using var cancellation = new CancellationTokenSource();
        using var stderr = new CancelAfterModel(cancellation);
        var result = await Anople.Run(stderr, cancellation.Token, Line(folder["d"], ["--class", "fabric", data.Category()]));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cancelled: nothing was kept. With --checkpoint FILE", result.Error, StringComparison.Ordinal);
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task Without_epochs_it_draws_the_contact_sheet_and_keeps_the_initial_parameters()
    {
        using var folder = new TempFolder();
        string[] work = ["--class", "fabric", "--shots", "2", data.Category(), "--epochs", "0"];
        var json = (await Train(folder["d"], [.. work, "--contact-sheet", folder["sheet.png"], "--textures", data.Category("test", "stain"), "--json"])).Fine().Json;
        Assert.Equal(0, json.GetProperty("steps").GetInt32());
        Assert.Empty(json.GetProperty("epochLosses").EnumerateArray());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, json.GetProperty("secondsPerStep").ValueKind);
        RgbImage sheet = RgbImage.Load(folder["sheet.png"]);
        // Five pictures of 32 x 32 in a row, a row per view of two images, with gaps of 4.
        Assert.Equal((5 * 36 - 4, 10 * 36 - 4), (sheet.Width, sheet.Height));
        (await Anople.Run("score", folder["d"], data.Category("test", "cut"), "--weights", data.Weights)).Fine();
        // Nothing but the textures differs.
        (await Train(folder["d2"], [.. work, "--contact-sheet", folder["sheet2.png"]])).Fine();
        Assert.NotEqual(File.ReadAllBytes(folder["sheet.png"]), File.ReadAllBytes(folder["sheet2.png"]));
    }

    [Theory]
    [InlineData(16, 16)]
    [InlineData(6000, 4000)]
    public async Task One_image_of_any_size_is_enough(int width, int height)
    {
        using var folder = new TempFolder();
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i * 2654435761u >> 27);
        new RgbImage(width, height, pixels).SavePng(folder["one.png"]);
        (await Train(folder["d"], ["--class", "part", folder["one.png"]])).Fine();
        var json = (await Anople.Run("score", folder["d"], folder["one.png"], "--weights", data.Weights, "--json")).Fine().Json;
        Assert.True(float.IsFinite(json.GetProperty("images")[0].GetProperty("score").GetSingle()));
    }

    [Fact]
    public async Task Several_products_share_a_detector_and_scoring_names_one()
    {
        using var folder = new TempFolder();
        string plate = Path.Combine(data.Dataset, "plate");
        var json = (await Train(folder["d"], ["--class", $"fabric={data.Category()}", "--class", $"metal_plate={plate}", "--shots", "2", "--json"])).Fine().Json;
        Assert.Equal(["fabric", "metal plate"], json.GetProperty("classes").EnumerateArray().Select(c => c.GetProperty("name").GetString()));
        Assert.All(json.GetProperty("classes").EnumerateArray(), c => Assert.Equal(2, c.GetProperty("fitted").GetArrayLength()));
        string image = Path.Combine(plate, "test", "good", "000.png");
        (await Anople.Run("score", folder["d"], image, "--weights", data.Weights)).FailedWith("several products", "--class", "fabric, metal plate");
        (await Anople.Run("score", folder["d"], image, "--weights", data.Weights, "--class", "spoon")).FailedWith("spoon", "fabric, metal plate");
        float[] scores = new float[2];
        foreach (var (k, name) in new[] { (0, "fabric"), (1, "metal_plate") })
        {
            var score = (await Anople.Run("score", folder["d"], image, "--weights", data.Weights, "--class", name, "--json")).Fine().Json;
            Assert.Equal(name.Replace('_', ' '), score.GetProperty("className").GetString());
            scores[k] = score.GetProperty("images")[0].GetProperty("score").GetSingle();
        }
        Assert.True(scores[0] > scores[1], $"A plate is {scores[0]} as a fabric and {scores[1]} as a plate.");
    }

    [Fact]
    public async Task A_texture_folder_without_images_is_refused()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["empty"]);
        File.WriteAllText(folder["empty", "notes.txt"], "no picture");
        (await Train(folder["d"], ["--class", "x", "--textures", folder["empty"], data.Category()])).FailedWith(folder["empty"], "no images among its 1 files");
        (await Train(folder["d"], ["--class", "x", "--textures", folder["none"], data.Category()])).FailedWith(folder["none"], "no such folder of textures");
        Assert.Equal(["empty/notes.txt"], folder.Files());
    }

    [Fact]
    public async Task A_training_that_diverges_stops_and_says_what_to_try()
    {
        using var folder = new TempFolder();
        (await Train(folder["d"], ["--class", "x", "--lr", "1e30", "--epochs", "5", data.Category()])).FailedWith("Training stopped in step", "lower learning rate");
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task What_cannot_be_read_or_written_is_named_before_any_work()
    {
        using var folder = new TempFolder();
        (await Train(folder["no", "d"], ["--class", "x", data.Category()])).FailedWith(folder["no"], "does not exist");
        (await Train(folder["d"], ["--class", "x", "--checkpoint", folder["no", "c"], data.Category()])).FailedWith(folder["no"], "does not exist");
        (await Train(folder["d"], ["--class", "x", "--loss-plot", folder["no", "l.svg"], data.Category()])).FailedWith(folder["no"], "does not exist");
        (await Train(folder["d"], ["--class", "x", "--contact-sheet", folder["no", "s.png"], data.Category()])).FailedWith(folder["no"], "does not exist");
        (await Train(folder["d"], ["--class", "x", folder["good"]])).FailedWith(folder["good"], "no such file or folder");
        (await Train(folder["d"], ["--class", "x", "--shots", "9", data.Category()])).FailedWith("9", "4");
        (await Train(folder["d"], ["--class", $"a={data.Category()}", "--class", $"b={folder["good"]}"])).FailedWith(folder["good"]);
        File.WriteAllText(folder["c.checkpoint"], "no checkpoint");
        (await Train(folder["d"], ["--class", "x", "--checkpoint", folder["c.checkpoint"], data.Category()])).FailedWith("c.checkpoint");
        Assert.Equal(["c.checkpoint"], folder.Files());
    }

    // Later values of an option win over those of Quick.
    private string[] Line(string output, string[] rest)
    {
        string[] quick = [.. Quick.Chunk(2).Where(pair => !rest.Contains(pair[0])).SelectMany(pair => pair)];
        return ["train", "--weights", data.Weights, "--out", output, .. quick, .. rest];
    }

    private Task<CliResult> Train(string output, string[] rest) => Anople.Run(Line(output, rest));
}
