using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>The command that shows the kernels' assembly.</summary>
public sealed class PtxCommandTests
{
    [Fact]
    public async Task It_lists_and_writes_the_kernels_that_match()
    {
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var (exitCode, output, errors) = await BenchmarksProcess.Run(null, "ptx", "--filter", "layernorm", "--out", folder);
            Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{errors}");
            string[] names = [.. PtxCompiler.Kernels().Select(kernel => kernel.Name).Where(name => name.Contains("LayerNorm", StringComparison.Ordinal))];
            Assert.NotEmpty(names);
            string[][] rows = [.. output.Split('\n').Where(line => line.StartsWith("LayerNorm", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
            Assert.Equal(names.Length, rows.Length);
            Assert.All(rows, row => Assert.True(row[^1] == "0" && int.Parse(row[^2], System.Globalization.CultureInfo.InvariantCulture) >= 0));
            // A layer norm multiplies, reads memory and waits for its group.
            Assert.Contains(rows, row => int.Parse(row[^10], System.Globalization.CultureInfo.InvariantCulture) > 0 && int.Parse(row[^4], System.Globalization.CultureInfo.InvariantCulture) > 0);
            string[] files = [.. Directory.GetFiles(folder, "*.ptx")];
            Assert.Equal(names.Length, files.Length);
            Assert.All(files, file => Assert.Contains(".target sm_80", File.ReadAllText(file), StringComparison.Ordinal));
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("ptx --filter Nothing", "Nothing")]
    [InlineData("ptx --sideways", "--sideways")]
    public async Task Bad_arguments_end_with_2(string arguments, string culprit)
    {
        var (exitCode, output, errors) = await BenchmarksProcess.Run(null, arguments.Split(' '));
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(culprit, errors, StringComparison.Ordinal);
    }
}
