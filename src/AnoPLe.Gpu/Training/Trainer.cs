using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Training;

/// <summary>The training loop.</summary>
internal sealed class Trainer
{
    /// <summary>The optimiser's settings in step t of R, for everything but the couplings.</summary>
    public static AdamWStep Settings(TrainingOptions options, int step, int steps) => new(
        LearningRateSchedule.Share(options.FinalLearningRate, step, steps) * options.LearningRate, options.WeightDecay, options.Beta1, options.Beta2,
        options.AdamEpsilon, step + 1);

    /// <summary>The couplings' learning rate in step t of R.</summary>
    public static double CouplingRate(TrainingOptions options, int step, int steps) =>
        LearningRateSchedule.Share(options.FinalLearningRate, step, steps) * options.CouplingLearningRate;
}
