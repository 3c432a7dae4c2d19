namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>What features are worth, measured on the demo's images.</summary>
public sealed class FeaturesTests
{
    [Fact]
    public async Task The_table_has_every_category_and_source_and_is_the_same_twice()
    {
        string[] arguments = ["features", "--demo", "1", "--shots", "2", "--seeds", "1"];
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, arguments);
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
        string[] rows = Rows(output);
        Assert.Equal(5 * 3, rows.Length); // four categories and their mean
        foreach (string category in new[] { "bottle_cap", "circuit_board", "fabric", "plate", "mean" })
            foreach (string source in new[] { "weights", "random", "colour and gradient" })
                Assert.Single(rows, row => row.StartsWith($"| demo | {category} | {source} | ", StringComparison.Ordinal));
        // Even plain image processing sees a torn or stained fabric.
        Assert.True(double.Parse(rows.Single(row => row.Contains("| fabric | colour", StringComparison.Ordinal)).Split('|')[5].Split('±')[0],
            System.Globalization.CultureInfo.InvariantCulture) > 90);
        Assert.Equal(rows, Rows((await BenchmarksProcess.Run(null, arguments)).Output));
    }

    [Theory]
    [InlineData("features", "--data")]
    [InlineData("features --demo 1 --shots 0", "--shots")]
    [InlineData("features --demo -1", "--demo")]
    public async Task Bad_arguments_end_with_2(string arguments, string culprit)
    {
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, arguments.Split(' '));
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
    }

    private static string[] Rows(string output) => [.. output.Split('\n').Where(line => line.StartsWith("| demo ", StringComparison.Ordinal))];
}
