using System.Diagnostics;
using AnoPLe.Gpu.Tests;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>benchmarks/measure.sh and measure-gpu.sh, on the smallest model: what it measures is nothing, that it writes every table is what counts.</summary>
public sealed class MeasureScriptTests
{
    [Fact]
    public Task Quick_writes_every_table() => Verify("measure.sh", ("compare-ort.md", 8), ("cold-start.md", 1), ("train-step.md", 1), ("ladder.md", 15));

    [Fact]
    public Task Quick_writes_the_table_of_a_gpu() => Verify("measure-gpu.sh", ("compare-torch.md", 7));

    private static async Task Verify(string script, params (string Page, int Rows)[] pages)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip($"{script} needs a POSIX shell.");
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var start = new ProcessStartInfo("bash", [Repository.Path("benchmarks", script), "--quick", "--results", folder, "--program", BenchmarksProcess.Program])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var child = Process.Start(start)!;
            Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(child.ExitCode == 0, $"exit code {child.ExitCode}\n{await output}\n{await errors}");
            string machine = Assert.Single(Directory.GetDirectories(folder));
            foreach (var (page, rows) in pages)
                Assert.True(File.ReadLines(Path.Combine(machine, page)).Count(line => line.StartsWith("| ", StringComparison.Ordinal)) >= rows + 2, $"{page} has fewer than {rows} rows.");
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }
}
