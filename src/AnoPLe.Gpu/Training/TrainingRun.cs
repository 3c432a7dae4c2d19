using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Training;

/// <summary>What identifies a training and how far it has come.</summary>
internal sealed class TrainingRun(TrainingOptions options, string weightsHash, IReadOnlyList<ClassImages> classes, int steps, int stepsPerEpoch)
{
    private readonly StepLosses[] history = new StepLosses[steps];

    /// <summary>What was chosen.</summary>
    public TrainingOptions Options { get; } = options;

    /// <summary>SHA-256 of the frozen weights.</summary>
    public string WeightsHash { get; } = weightsHash;

    /// <summary>Names of the classes.</summary>
    public IReadOnlyList<string> ClassNames { get; } = [.. classes.Select(c => c.Name)];

    /// <summary>Normal images of every class.</summary>
    public IReadOnlyList<IReadOnlyList<Shot>> Shots { get; } = [.. classes.Select(c => c.Shots)];

    /// <summary>R, all steps.</summary>
    public int Steps { get; } = steps;

    /// <summary>Steps of one pass over the images.</summary>
    public int StepsPerEpoch { get; } = stepsPerEpoch;

    /// <summary>Steps taken.</summary>
    public int Step { get; private set; }

    /// <summary>Losses of the steps taken.</summary>
    public ReadOnlySpan<StepLosses> History => history.AsSpan(0, Step);

    /// <summary>Mean losses of every pass; the last one may be cut short.</summary>
    public IReadOnlyList<StepLosses> EpochLosses => [.. history.Take(Step).Chunk(StepsPerEpoch).Select(Mean)];

    /// <summary>Records a step.</summary>
    public void Add(StepLosses losses) => history[Step++] = losses;

    private static StepLosses Mean(StepLosses[] steps) => new(steps.Average(s => s.Total), steps.Average(s => s.Dice), steps.Average(s => s.Focal),
        steps.Average(s => s.Image), steps.Average(s => s.Alignment));
}
