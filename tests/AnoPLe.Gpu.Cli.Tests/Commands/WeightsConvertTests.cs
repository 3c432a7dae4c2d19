using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Tests;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class WeightsConvertTests(SmallData data) : IDisposable
{
    // A PyTorch file and a TorchScript archive that PyTorch itself wrote; neither is a CLIP model.
    private static readonly string Torch = Repository.Path("tests", "Golden", "checkpoints", "dtypes.pt");
    private static readonly string Script = Repository.Path("tests", "Golden", "checkpoints", "script.pt");

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Converts_verifies_and_the_result_is_the_same_model()
    {
        var json = (await Anople.Run("weights", "convert", data.Weights, "--out", folder["c.safetensors"], "--check-vector", "--json")).Fine().Json;
        Assert.Equal("openAi", json.GetProperty("naming").GetString());
        Assert.Equal("tiny", json.GetProperty("knownConfig").GetString());
        Assert.Equal("safetensors", json.GetProperty("sourceFormat").GetString());
        Assert.Equal(new FileInfo(folder["c.safetensors"]).Length, json.GetProperty("bytes").GetInt64());
        Assert.False(json.GetProperty("rounded").GetBoolean());

        var verified = (await Anople.Run("weights", "verify", folder["c.safetensors"], "--against", data.Weights, "--device", "cpu", "--json")).Fine().Json;
        Assert.True(verified.GetProperty("sound").GetBoolean());
        Assert.True(verified.GetProperty("against").GetProperty("same").GetBoolean());
        Assert.Equal(0, verified.GetProperty("against").GetProperty("maxDifference").GetDouble());
        Assert.True(verified.GetProperty("check").GetProperty("passed").GetBoolean());
        Assert.Equal(json.GetProperty("dataSha256").GetString(), verified.GetProperty("recordedSha256").GetString());

        // The detector was fitted with the source: it takes the converted file for the same weights.
        (await Anople.Run("score", data.Detector, data.Category("test", "good"), "--weights", folder["c.safetensors"])).Fine();
    }

    [Fact]
    public async Task Says_what_it_read_and_wrote()
    {
        var converted = (await Anople.Run("weights", "convert", data.Weights, "--out", folder["c.safetensors"], "--type", "bf16", "--activation", "gelu")).Fine();
        Assert.Contains("OpenAI / open_clip names", converted.Out, StringComparison.Ordinal);
        Assert.Contains("GELU, because it was asked for", converted.Out, StringComparison.Ordinal);
        Assert.Contains("as BF16, rounded", converted.Out, StringComparison.Ordinal);
        var verified = (await Anople.Run("weights", "verify", folder["c.safetensors"], "--against", data.Weights)).Fine();
        Assert.Contains("the same at the file's precision", verified.Out, StringComparison.Ordinal);
        Assert.Contains("the recorded one", verified.Out, StringComparison.Ordinal);
        Assert.Contains("logit_scale", verified.Out, StringComparison.Ordinal);
        var inspected = (await Anople.Run("weights", "inspect", folder["c.safetensors"], "--json")).Fine().Json;
        Assert.Equal("gelu", inspected.GetProperty("config").GetProperty("activation").GetString());
    }

    [Fact]
    public async Task Copies_any_checkpoint_raw()
    {
        foreach (string source in (string[])[Torch, Script, data.Detector])
        {
            var json = (await Anople.Run("weights", "convert", source, "--out", folder["raw.safetensors"], "--raw", "--json")).Fine().Json;
            Assert.Equal(System.Text.Json.JsonValueKind.Null, json.GetProperty("config").ValueKind);
            (await Anople.Run("weights", "verify", folder["raw.safetensors"], "--against", source)).Fine();
        }
        (await Anople.Run("weights", "verify", folder["raw.safetensors"], "--against", Torch)).FailedWithAll("is missing", "is not in");
    }

    [Fact]
    public async Task One_changed_byte_fails_verification()
    {
        (await Anople.Run("weights", "convert", data.Weights, "--out", folder["c.safetensors"])).Fine();
        byte[] file = File.ReadAllBytes(folder["c.safetensors"]);
        file[^1] ^= 1;
        File.WriteAllBytes(folder["c.safetensors"], file);
        (await Anople.Run("weights", "verify", folder["c.safetensors"])).FailedWith("SHA-256", "damaged");
        var json = await Anople.Run("weights", "verify", folder["c.safetensors"], "--against", data.Weights, "--json");
        Assert.Equal(1, json.ExitCode);
        Assert.False(json.Json.GetProperty("sound").GetBoolean());
        Assert.Equal(1, json.Json.GetProperty("against").GetProperty("tensors").EnumerateArray().Sum(tensor => tensor.GetProperty("wrong").GetInt64()));
    }

    [Fact]
    public async Task Inspect_reads_other_forms_and_says_what_to_do_next()
    {
        var result = await Anople.Run("weights", "inspect", Torch);
        result.FailedWith("is no CLIP model");
        Assert.Contains("PyTorch zip", result.Out, StringComparison.Ordinal);
        Assert.Contains($"Next: anople weights convert {Torch} --out {Path.ChangeExtension(Torch, ".safetensors")} --raw", result.Out, StringComparison.Ordinal);
        Assert.Equal("TorchScript", (await Anople.Run("weights", "inspect", Script, "--json")).Json.GetProperty("format").GetString());
    }

    [Fact]
    public async Task Errors_name_the_cause_and_leave_nothing()
    {
        (await Anople.Run("weights", "convert", Torch, "--out", folder["c"])).FailedWith("is no CLIP model");
        (await Anople.Run("weights", "convert", folder["none.pt"], "--out", folder["c"])).FailedWith("none.pt");
        (await Anople.Run("weights", "convert", data.Weights, "--out", folder["no", "c"])).FailedWith("does not exist");
        (await Anople.Run("weights", "convert", data.Weights, "--out", data.Weights)).FailedWith("is the source itself");
        (await Anople.Run("weights", "convert", data.Weights, "--out", folder.Root)).FailedWith("is a folder");
        (await Anople.Run("weights", "convert", data.Weights, "--out", folder["c"], "--config", "nano")).FailedWith("contradict");
        (await Anople.Run("weights", "verify", Torch)).FailedWith("anople weights convert");
        (await Anople.Run("fit", "--weights", Torch, "--class", "x", "--out", folder["d"], data.Category())).FailedWith($"anople weights convert {Torch} --out ");
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task Cancelled_it_leaves_nothing()
    {
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        var result = await Anople.Run(new StringWriter(), cancellation.Token, "weights", "convert", data.Weights, "--out", folder["c"]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cancelled: nothing was kept.", result.Error, StringComparison.Ordinal);
        Assert.Empty(folder.Files());
    }
}
