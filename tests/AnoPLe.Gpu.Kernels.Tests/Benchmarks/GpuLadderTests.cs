using System.Globalization;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>The rungs of the benchmarks' GPU ladder on the simulator, each compared with a reference in double; nothing is timed.</summary>
public sealed class GpuLadderTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(20, 70, 33)] // more than a tile in every rung's rows or columns, ends in all dimensions
    public async Task Every_rung_agrees_with_the_reference(int m, int n, int k)
    {
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, "gpu-ladder", "--device", "simulator", "--m", $"{m}", "--n", $"{n}", "--k", $"{k}", "--seconds", "0");
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
        string[][] rungs = [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => char.IsAsciiDigit(line[0])).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        Assert.Equal(["0", "1", "2", "3", "4", "5"], rungs.Select(rung => rung[0]));
        // Of the last columns: error, mma, loads and stores of global memory and those of 16 bytes, of shared memory likewise.
        Assert.All(rungs, rung => Assert.InRange(double.Parse(rung[^6], CultureInfo.InvariantCulture), 0, 1));
        Assert.Equal([0, 0, 0, 0, 1, 32], rungs.Select(rung => int.Parse(rung[^5], CultureInfo.InvariantCulture)));
        Assert.All(rungs.Where(rung => rung[0] is "3" or "5"), rung => Assert.True(int.Parse(rung[^1], CultureInfo.InvariantCulture) >= 12)); // ldmatrix is counted, too
    }

    [Theory]
    [InlineData("--m 0", "--m")]
    [InlineData("--device cuda:99", "cuda:99")]
    [InlineData("--seconds -1", "--seconds")]
    public async Task Bad_arguments_end_with_2(string arguments, string culprit)
    {
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, ["gpu-ladder", .. arguments.Split(' ')]);
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
    }
}
