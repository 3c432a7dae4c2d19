using AnoPLe.Gpu.Benchmarks.Cold;
using AnoPLe.Gpu.Benchmarks.Features;
using AnoPLe.Gpu.Benchmarks.GpuLadder;
using AnoPLe.Gpu.Benchmarks.Ladder;
using AnoPLe.Gpu.Benchmarks.Model;
using AnoPLe.Gpu.Benchmarks.Ort;
using AnoPLe.Gpu.Benchmarks.Ptx;
using AnoPLe.Gpu.Benchmarks.Torch;
using BenchmarkDotNet.Running;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>BenchmarkDotNet's own command line, compare-ort, compare-torch, compare-cold, train-step, ladder, gpu-ladder, features and ptx.</summary>
internal static class Program
{
    // The measured process of compare-cold loads nothing of what the other commands need.
    private static Task<int> Main(string[] args) => args is [OrtOnce.Mode, var model, var image, var size, var threads]
        ? Task.FromResult(OrtOnce.Run(model, image, size, threads)) : Run(args);

    private static async Task<int> Run(string[] args)
    {
        if (args is ["compare-cold", .. var coldRest])
            return await CompareColdCommand.Run(coldRest);
        if (args is ["compare-ort", .. var rest])
            return await CompareOrtCommand.Run(rest);
        if (args is ["compare-torch", .. var torchRest])
            return await CompareTorchCommand.Run(torchRest);
        if (args is ["train-step", .. var trainRest])
            return await TrainStepCommand.Run(trainRest);
        if (args is ["ladder", .. var ladderRest])
            return await LadderCommand.Run(ladderRest);
        if (args is ["gpu-ladder", .. var gpuLadderRest])
            return await GpuLadderCommand.Run(gpuLadderRest);
        if (args is ["features", .. var featuresRest])
            return await FeaturesCommand.Run(featuresRest);
        if (args is ["ptx", .. var ptxRest])
            return await PtxCommand.Run(ptxRest);
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }
}
