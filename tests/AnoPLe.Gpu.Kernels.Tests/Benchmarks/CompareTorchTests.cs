using System.Text.Json;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>compare-torch on the simulator with made-up times: that every work runs, and that what is compared is what was asked for.</summary>
public sealed class CompareTorchTests : IDisposable
{
    private readonly string file = Path.GetTempFileName();

    [Fact]
    public async Task Every_work_runs_beside_its_time()
    {
        await File.WriteAllLinesAsync(file,
        [
            Line("tiny", "attention", 1, "fp32", 50), Line("tiny", "attention", 2, "fp32", 70), Line("tiny", "attention", 1, "bf16", 80), Line("vit-b-16", "encoder", 1, "fp32", 90),
        ], TestContext.Current.CancellationToken);
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, "compare-torch", "--device", "simulator", "--model", "tiny", "--precision", "fp32", "--batch", "1", "--seconds", "0", "--torch", file, "--json");
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(["linear.qkv", "linear.out", "linear.fc", "linear.proj", "attention", "layer_norm", "encoder"], lines.Select(line => line.GetProperty("work").GetString()!));
        Assert.All(lines, line => Assert.True(line.GetProperty("ours_ms").GetDouble() > 0));
        JsonElement attention = lines[4];
        Assert.Equal(50_000, attention.GetProperty("torch_ms").GetDouble());
        Assert.Equal(50_000 / attention.GetProperty("ours_ms").GetDouble(), attention.GetProperty("ratio").GetDouble(), 1e-6);
        Assert.Equal("9.9 on Some GPU", attention.GetProperty("torch").GetString());
        Assert.All(lines.Where(line => line.GetProperty("work").GetString() != "attention"), line => Assert.Equal(JsonValueKind.Null, line.GetProperty("ratio").ValueKind));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("{}", "line 1")]
    [InlineData("no json", "line 1")]
    [InlineData("""{"model": "tiny", "work": "dance", "batch": 1, "precision": "fp32", "seconds": 1, "device": "", "torch": ""}""", "dance")]
    [InlineData("""{"model": "tiny", "work": "encoder", "batch": 1, "precision": "fp32", "seconds": 0, "device": "", "torch": ""}""", "encoder")]
    public async Task A_file_of_something_else_fails(string content, string culprit)
    {
        await File.WriteAllTextAsync(file, content, TestContext.Current.CancellationToken);
        var (exitCode, _, errors) = await BenchmarksProcess.Run(null, "compare-torch", "--device", "simulator", "--torch", file);
        Assert.Equal(1, exitCode);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
        Assert.Contains(file, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--precision int4", "int4")]
    [InlineData("--batch 0", "--batch")]
    [InlineData("--model no-such-model", "no-such-model")]
    [InlineData("--seconds -1", "--seconds")]
    public async Task Bad_arguments_end_with_2(string arguments, string culprit)
    {
        var (exitCode, _, errors) = await BenchmarksProcess.Run(null, ["compare-torch", "--device", "simulator", .. arguments.Split(' ')]);
        Assert.Equal(2, exitCode);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(file);

    private static string Line(string model, string work, int batch, string precision, double seconds) =>
        JsonSerializer.Serialize(new { model, work, batch, precision, seconds, device = "Some GPU", torch = "9.9" });
}
