using System.Text.Json;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>The comparison with ONNX Runtime on the smallest model. It fails itself when both sides' outputs differ, so this checks our towers against another implementation.</summary>
public sealed class CompareOrtTests
{
    [Theory]
    [InlineData("image", "all")]
    [InlineData("image", "features")]
    [InlineData("text", "features")]
    public async Task Both_sides_agree(string tower, string outputs)
    {
        string[] arguments = ["compare-ort", "--model", "tiny", "--tower", tower, "--batch", "1,3", "--threads", "1,2", "--runs", "1", "--json"];
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, tower == "image" ? [.. arguments, "--outputs", outputs] : arguments);
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(4, lines.Length);
        Assert.All(lines, line => Assert.InRange(line.GetProperty("max_abs_diff").GetDouble(), 0, 1e-4 * line.GetProperty("max_abs_feature").GetDouble()));
    }

    [Theory]
    [InlineData("--tower side", "side")]
    [InlineData("--batch 0", "--batch")]
    [InlineData("--model no-such-model", "no-such-model")]
    public async Task Bad_arguments_end_with_2(string arguments, string culprit)
    {
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, ["compare-ort", .. arguments.Split(' ')]);
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
    }
}
