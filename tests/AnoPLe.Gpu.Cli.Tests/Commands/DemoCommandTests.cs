using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class DemoCommandTests
{
    [Fact]
    public async Task Two_runs_print_the_same_table_and_write_the_same_bytes()
    {
        using var folder = new TempFolder();
        var first = (await Demo(folder["1"])).Fine();
        var second = (await Demo(folder["2"])).Fine();
        Assert.Equal(Table(first.Out), Table(second.Out));
        IReadOnlyList<string> files = folder.Files("1");
        Assert.Equal(files.Select(path => path[1..]), folder.Files("2").Select(path => path[1..]));
        Assert.Contains(files, path => path.StartsWith("1/heatmaps/fabric/cut_", StringComparison.Ordinal));
        foreach (string path in files.Where(path => path.EndsWith(".png", StringComparison.Ordinal)))
            Assert.True(File.ReadAllBytes(folder[path]).AsSpan().SequenceEqual(File.ReadAllBytes(folder["2" + path[1..]])), path);

        // What a reader must find in the text.
        foreach (string part in new[] { "I-AUROC", "P-AUROC", "AUPRO", "P-AP", "P-F1-max", "mean", "memory only", "trained 2 steps", "heatmaps", "weights are random" })
            Assert.Contains(part, first.Out, StringComparison.Ordinal);
        foreach (string method in new[] { "memory only", "trained" })
            Assert.Contains(Table(first.Out), line => line.StartsWith("fabric", StringComparison.Ordinal) && line.Contains($" {method} ", StringComparison.Ordinal));
        Assert.Contains("1/losses/fabric_4_0.svg", files);
        Assert.Contains("Training per category: 2 steps", first.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_leaves_other_things_in_its_folder_alone()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["data", "mine", "train", "good"]);
        File.WriteAllText(folder["notes.txt"], "keep");
        var json = (await Anople.Run("demo", "--out", folder.Root, "--weights", SmallData.Random, "--shots", "1", "--epochs", "1", "--json")).Fine().Json;
        Assert.DoesNotContain(json.GetProperty("runs").EnumerateArray(), run => run.GetProperty("category").GetString() == "mine");
        Assert.Equal("keep", File.ReadAllText(folder["notes.txt"]));
    }

    [Fact]
    public async Task Its_folder_cannot_be_a_file()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["taken"], "");
        (await Anople.Run("demo", "--out", folder["taken"], "--weights", SmallData.Random)).FailedWith("taken", "is a file");
    }

    [Fact]
    public async Task A_device_that_is_not_there_leaves_no_folder_behind()
    {
        using var folder = new TempFolder();
        (await Anople.Run("demo", "--out", folder["x"], "--weights", SmallData.Random, "--device", "cuda:99")).FailedWith("cuda:99", "cpu");
        Assert.False(Directory.Exists(folder["x"]));
    }

    private static Task<CliResult> Demo(string output) => Anople.Run("demo", "--out", output, "--weights", SmallData.Random, "--threads", "2", "--epochs", "2");

    private static IEnumerable<string> Table(string text) =>
        [.. text.Split('\n').SkipWhile(line => !line.StartsWith("category", StringComparison.Ordinal)).TakeWhile(line => !line.StartsWith("Heat maps", StringComparison.Ordinal))];
}
