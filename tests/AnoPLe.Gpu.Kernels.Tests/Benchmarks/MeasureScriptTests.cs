using System.Diagnostics;
using AnoPLe.Gpu.Tests;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>benchmarks/measure.sh, on the smallest model: what it measures is nothing, that it writes every table is what counts.</summary>
public sealed class MeasureScriptTests
{
    [Fact]
    public async Task Quick_writes_every_table()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("measure.sh needs a POSIX shell.");
        string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var start = new ProcessStartInfo("bash", [Repository.Path("benchmarks", "measure.sh"), "--quick", "--results", folder, "--program", BenchmarksProcess.Program])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var child = Process.Start(start)!;
            Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), errors = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(child.ExitCode == 0, $"exit code {child.ExitCode}\n{await output}\n{await errors}");
            string machine = Assert.Single(Directory.GetDirectories(folder));
            foreach (var (page, rows) in new[] { ("compare-ort.md", 8), ("cold-start.md", 1), ("train-step.md", 1), ("ladder.md", 15) })
                Assert.True(File.ReadLines(Path.Combine(machine, page)).Count(line => line.StartsWith("| ", StringComparison.Ordinal)) >= rows + 2, $"{page} has fewer than {rows} rows.");
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }
}
