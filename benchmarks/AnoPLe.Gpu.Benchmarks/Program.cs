using AnoPLe.Gpu.Benchmarks.Ort;
using BenchmarkDotNet.Running;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>BenchmarkDotNet's own command line, and compare-ort.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is ["compare-ort", .. var rest])
            return await CompareOrtCommand.Run(rest);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }
}
