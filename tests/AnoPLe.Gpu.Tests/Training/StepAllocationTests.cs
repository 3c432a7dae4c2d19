using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Tests.Scoring;
using AnoPLe.Gpu.Training;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Training;

/// <summary>After the first step a training step allocates nothing, neither managed memory nor tensors.</summary>
public sealed class StepAllocationTests
{
    [Theory, InlineData(PromptMode.Bidirectional), InlineData(PromptMode.TextOnly), InlineData(PromptMode.VisualOnly)]
    public void Steps_allocate_nothing(PromptMode mode)
    {
        using var backend = new CpuBackend(threads: 1);
        using var clip = ClipModel.Create(ClipWeights.Random(ClipConfig.Find("tiny"), 1), backend);
        var options = TrainerTests.Quick with { Mode = mode };
        using var trainer = new Trainer(clip, options, [ClassImages.Of("part", DetectorFixture.Shots(2))], Gpu.Scoring.ClassNames.TokenRows(["part"], options.TextPromptLength, clip.Config), threads: 1);
        for (int warm = 0; warm < 3; warm++)
            trainer.TakeStep();
        long before = GC.GetAllocatedBytesForCurrentThread();
        trainer.TakeStep();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
