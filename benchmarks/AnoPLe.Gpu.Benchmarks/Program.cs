using BenchmarkDotNet.Running;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>BenchmarkDotNet's own command line.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }
}
