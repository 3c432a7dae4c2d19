using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>A way to make a detector, which an evaluation compares with others.</summary>
/// <param name="Name">In tables and files.</param>
/// <param name="Training">How to train; null for the memory bank alone. Its seed is that of the run.</param>
internal sealed record EvalMethod(string Name, TrainingOptions? Training)
{
    /// <summary>The memory bank alone.</summary>
    public static EvalMethod Fit { get; } = new("memory only", null);

    /// <summary>The method as the options say.</summary>
    public static EvalMethod Train(TrainingOptions options) => new("trained", options);

    /// <summary>The paper's ablations: each leaves out or moves one part of the method.</summary>
    public static IReadOnlyList<EvalMethod> Ablation(TrainingOptions full) =>
    [
        new("full method", full),
        new("text prompts only", full with { Mode = PromptMode.TextOnly }),
        new("visual prompts only", full with { Mode = PromptMode.VisualOnly }),
        new("text to visual only", full with { Mode = PromptMode.TextToVisual }),
        new("visual to text only", full with { Mode = PromptMode.VisualToText }),
        new("no alignment loss", full with { AlignmentWeight = 0 }),
        new("single view", full with { Views = 1 }),
        new("no view signal", full with { ViewMode = ViewMode.None }),
        new("view signal in encoder", full with { ViewMode = ViewMode.Encoder }),
        new("no memory bank", full with { UseMemoryBank = false }),
        Fit,
    ];
}
