using AnoPLe.Gpu.Benchmarks.Ladder;
using AnoPLe.Gpu.Benchmarks.Model;
using AnoPLe.Gpu.Benchmarks.Ort;
using BenchmarkDotNet.Running;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>BenchmarkDotNet's own command line, compare-ort, train-step and ladder.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is ["compare-ort", .. var rest])
            return await CompareOrtCommand.Run(rest);
        if (args is ["train-step", .. var trainRest])
            return await TrainStepCommand.Run(trainRest);
        if (args is ["ladder", .. var ladderRest])
            return await LadderCommand.Run(ladderRest);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }
}
