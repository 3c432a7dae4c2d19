using System.Runtime.InteropServices;
using System.Text;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class WeightsCommandTests(SmallData data)
{
    [Fact]
    public async Task Init_writes_the_same_bytes_for_the_same_seed_and_others_for_another()
    {
        using var folder = new TempFolder();
        var json = (await Anople.Run("weights", "init", "--config", "tiny", "--seed", "0", "--out", folder["w"], "--json")).Fine().Json;
        Assert.Equal(new FileInfo(folder["w"]).Length, json.GetProperty("bytes").GetInt64());
        byte[] written = File.ReadAllBytes(folder["w"]);
        Assert.Equal(File.ReadAllBytes(data.Weights), written);
        Assert.NotEqual(File.ReadAllBytes(data.OtherWeights), written);
    }

    [Fact]
    public async Task Init_takes_a_configuration_file_and_an_element_type()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["mine.json"], (ClipConfig.Find("tiny") with { VisionLayers = 2 }).ToJson());
        (await Anople.Run("weights", "init", "--config", folder["mine.json"], "--type", "f16", "--out", folder["w"])).Fine();
        var json = (await Anople.Run("weights", "inspect", folder["w"], "--json")).Fine().Json;
        Assert.Equal(2, json.GetProperty("config").GetProperty("visionLayers").GetInt32());
        Assert.All(json.GetProperty("tensors").EnumerateArray(), tensor => Assert.Equal("F16", tensor.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task Inspect_lists_tensors_naming_and_configuration()
    {
        var json = (await Anople.Run("weights", "inspect", data.Weights, "--check", "--json")).Fine().Json;
        Assert.Equal("openAi", json.GetProperty("naming").GetString());
        Assert.Equal("tiny", json.GetProperty("knownConfig").GetString());
        Assert.Equal(32, json.GetProperty("config").GetProperty("imageSize").GetInt32());
        Assert.Empty(json.GetProperty("nonFinite").EnumerateArray());
        var conv = json.GetProperty("tensors").EnumerateArray().Single(tensor => tensor.GetProperty("name").GetString() == "visual.conv1.weight");
        Assert.Equal([64, 3, 8, 8], conv.GetProperty("shape").EnumerateArray().Select(axis => axis.GetInt32()));
        var text = (await Anople.Run("weights", "inspect", data.Weights)).Fine();
        Assert.Contains("visual.conv1.weight", text.Out, StringComparison.Ordinal);
        Assert.Contains("CLIP tiny, OpenAI / open_clip names: 32 px / 8", text.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_lists_a_file_that_is_no_model_and_says_so()
    {
        var result = await Anople.Run("weights", "inspect", data.Detector);
        result.FailedWith("fabric.anople");
        Assert.Contains("bank.0.", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_finds_a_value_that_is_no_number()
    {
        using var folder = new TempFolder();
        byte[] file = File.ReadAllBytes(data.Weights);
        // The data of the first tensor begins after the header, whose length is the first 8 bytes; the header says where each begins.
        int start = 8 + (int)MemoryMarshal.Read<ulong>(file);
        string header = Encoding.UTF8.GetString(file, 8, start - 8);
        int offset = System.Text.Json.JsonDocument.Parse(header).RootElement.GetProperty("ln_final.weight").GetProperty("data_offsets")[0].GetInt32();
        MemoryMarshal.Write(file.AsSpan(start + offset), float.NaN);
        File.WriteAllBytes(folder["nan.safetensors"], file);
        (await Anople.Run("weights", "inspect", folder["nan.safetensors"])).Fine();
        (await Anople.Run("weights", "inspect", folder["nan.safetensors"], "--check")).FailedWith("ln_final.weight", "NaN");
    }

    [Fact]
    public async Task Unknown_configurations_and_missing_files_are_named()
    {
        using var folder = new TempFolder();
        (await Anople.Run("weights", "init", "--config", folder["enormous.json"], "--out", folder["w"])).FailedWith("enormous.json", "nano");
        (await Anople.Run("weights", "init", "--config", "tiny", "--out", folder["no", "w"])).FailedWith("does not exist");
        (await Anople.Run("weights", "inspect", folder["w"])).FailedWith(folder["w"]);
        File.WriteAllText(folder["text"], "no weights at all");
        (await Anople.Run("weights", "inspect", folder["text"])).FailedWith("text");
        Assert.Equal(["text"], folder.Files());
    }
}
