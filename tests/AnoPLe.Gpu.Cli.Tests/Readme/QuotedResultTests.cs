using System.Globalization;
using System.Text.RegularExpressions;
using AnoPLe.Gpu.Tests;

namespace AnoPLe.Gpu.Cli.Tests.Readme;

/// <summary>Numbers that README.md quotes are those of the measured tables.</summary>
public sealed partial class QuotedResultTests
{
    [Fact]
    public void The_ratio_to_ONNX_Runtime_is_that_of_the_table()
    {
        double[] ratios = [.. Rows("compare-ort.md").Where(row => row["model"] == "vit-b-16-plus-240" && row["tower"] == "image")
            .Select(row => double.Parse(row["ratio"], CultureInfo.InvariantCulture))];
        Assert.Equal(4, ratios.Length);
        Match quoted = Ratio().Match(ReadmeFile.Text);
        Assert.True(quoted.Success, "README.md quotes no ratio to ONNX Runtime.");
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"{ratios.Min():F2} to {ratios.Max():F2}"), quoted.Groups[1].Value);
    }

    // The table's rows by the heads of their columns.
    private static IEnumerable<Dictionary<string, string>> Rows(string page)
    {
        string[][] lines = [.. File.ReadAllLines(Repository.Path("benchmarks", "results", "amd-epyc-2-threads", page))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| --- ", StringComparison.Ordinal))
            .Select(line => line.Trim('|').Split('|', StringSplitOptions.TrimEntries))];
        return lines.Skip(1).Select(cells => lines[0].Zip(cells).ToDictionary(pair => pair.First, pair => pair.Second));
    }

    [GeneratedRegex(@"runs at (\d\.\d\d to \d\.\d\d) times the throughput of ONNX Runtime")]
    private static partial Regex Ratio();
}
