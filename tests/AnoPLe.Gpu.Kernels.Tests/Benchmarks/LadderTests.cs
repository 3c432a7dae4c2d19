using System.Text.Json;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>
/// The benchmarks' ladder of matrix products, run as its own process with --seconds 0: every rung is compared with a reference in double and
/// nothing is timed. A process, because its vectors can be made narrower, and because no test needs the benchmarks' packages then.
/// </summary>
public sealed class LadderTests
{
    private static readonly string[] Rungs = ["0", "0t", "1", "1t", "2", "2t", "3", "4", "5a", "5", "6", "6p", "6f", "7", "ort"];

    [Theory]
    [InlineData(1, 1, 1, null)]
    [InlineData(7, 33, 5, null)] // a tile of six rows and one more, one column in the last panel
    [InlineData(45, 600, 1000, null)] // all tiles, blocks that end early in every dimension
    [InlineData(45, 71, 901, "EnableAVX512")]
    [InlineData(45, 71, 901, "EnableAVX2")]
    [InlineData(45, 71, 901, "EnableHWIntrinsic")]
    public async Task Every_rung_agrees_with_the_reference(int m, int n, int k, string? switchedOff)
    {
        var (exitCode, output, errors) = await Ladder(switchedOff, "--m", $"{m}", "--n", $"{n}", "--k", $"{k}", "--threads", "2", "--seconds", "0", "--json");
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
        JsonElement[] lines = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(Rungs, lines.Select(line => line.GetProperty("rung").GetString()));
        Assert.Equal("7", Assert.Single(lines, line => line.GetProperty("shipped").GetBoolean()).GetProperty("rung").GetString());
        Assert.All(lines, line =>
        {
            double error = line.GetProperty("max_error").GetDouble();
            Assert.InRange(error, 0, line.GetProperty("allowed_error").GetDouble());
            Assert.Equal(JsonValueKind.Null, line.GetProperty("gflops").ValueKind);
        });
        // Sums of a thousand terms of order one: rounding is far below what one missing term would do (about 0.02).
        Assert.InRange(lines[0].GetProperty("allowed_error").GetDouble(), 1e-6, 1e-3);
    }

    [Fact]
    public async Task Times_and_factors_are_printed_for_chosen_rungs()
    {
        var (exitCode, output, errors) = await Ladder(null, "--m", "12", "--n", "64", "--k", "32", "--threads", "1", "--seconds", "0.001", "--rungs", "4,5,7");
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("peak: ", lines[2], StringComparison.Ordinal);
        Assert.Equal(["4", "5", "7"], lines[4..].Select(line => line.Split(' ')[0]));
        Assert.Contains(" x 4 ", lines[5], StringComparison.Ordinal);
        Assert.EndsWith("<- shipped", lines[6].TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--m 0", "--m")]
    [InlineData("--n many", "--n")]
    [InlineData("--m 100000 --n 100000", "m x n")]
    [InlineData("--threads 1,,2", "--threads")]
    [InlineData("--seconds -1", "--seconds")]
    [InlineData("--rungs 4,99", "99")]
    [InlineData("--sideways", "--sideways")]
    public async Task Bad_arguments_end_with_2(string arguments, string culprit)
    {
        var (exitCode, output, errors) = await Ladder(null, arguments.Split(' '));
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output, string Errors)> Ladder(string? switchedOff, params string[] arguments) =>
        BenchmarksProcess.Run(switchedOff, ["ladder", .. arguments]);
}
