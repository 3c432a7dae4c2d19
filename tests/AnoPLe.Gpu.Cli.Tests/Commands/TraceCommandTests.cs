using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class TraceCommandTests(SmallData data)
{
    [Fact]
    public async Task A_training_step_is_written_with_its_gradients()
    {
        using var folder = new TempFolder();
        string[] work = ["trace", data.Category("train", "good", "000.png"), "--weights", data.Weights, "--class", "fabric", "--hidden", "16", "--out", folder["t.safetensors"]];
        string[] names = [.. (await Anople.Run([.. work, "--gradients", "--json"])).Fine().Json.GetProperty("tensors").EnumerateArray().Select(t => t.GetProperty("name").GetString()!)];
        foreach (string group in new[] { "in/", "param/", "act/", "loss/", "gact/", "grad/" })
            Assert.Contains(names, name => name.StartsWith(group, StringComparison.Ordinal));
        var text = (await Anople.Run(work)).Fine();
        Assert.Contains("tensors act/", text.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("grad/", text.Out, StringComparison.Ordinal);
        (await Anople.Run("weights", "inspect", folder["t.safetensors"])).FailedWith("t.safetensors");
    }

    [Fact]
    public async Task A_detector_is_traced_on_one_image()
    {
        using var folder = new TempFolder();
        string[] work = ["trace", "--weights", data.Weights, "--detector", data.Detector, "--out", folder["t.safetensors"]];
        string[] names = [.. (await Anople.Run([.. work, data.Category("test", "cut", "000.png"), "--json"])).Fine().Json.GetProperty("tensors").EnumerateArray()
            .Select(t => t.GetProperty("name").GetString()!)];
        Assert.Contains("inf/map", names);
        (await Anople.Run([.. work, data.Category("train", "good")])).FailedWith("4 images", "expected one");
        (await Anople.Run([.. work, data.Category("test", "cut", "000.png"), "--class", "spoon"])).FailedWith("spoon", "fabric");
    }
}
