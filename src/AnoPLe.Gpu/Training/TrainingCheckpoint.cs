using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Where a training writes its state from time to time and when it is cancelled. If the file exists the training goes on from it and
/// ends with the same bits as one that was never interrupted.
/// </summary>
/// <param name="Path">The file, by custom *.checkpoint.</param>
public sealed record TrainingCheckpoint(string Path)
{
    /// <summary>Optimiser steps between two writes.</summary>
    public int EverySteps { get; init; } = 50;

    internal void Validate()
    {
        Require.That(!string.IsNullOrWhiteSpace(Path), $"The checkpoint has no path.");
        Require.That(EverySteps >= 1, $"EverySteps must be at least 1, got {EverySteps}.");
    }
}
