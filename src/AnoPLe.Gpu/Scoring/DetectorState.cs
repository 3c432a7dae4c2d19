using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Scoring;

/// <summary>Everything a detector knows apart from CLIP's weights; what its file holds.</summary>
internal sealed record DetectorState
{
    /// <summary>SHA-256 of the weights it was made with.</summary>
    public required string WeightsHash { get; init; }

    /// <summary>Memory layers, ascending, 1-based; none for a detector without a memory bank.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>Length of a bank row.</summary>
    public required int VisionWidth { get; init; }

    /// <summary>(2K, d) unit rows: for class k row 2k normal, row 2k + 1 abnormal.</summary>
    public required float[] TextFeatures { get; init; }

    /// <summary>Smoothing of the maps in pixels.</summary>
    public required float SmoothSigma { get; init; }

    /// <summary>One entry per class.</summary>
    public required IReadOnlyList<ClassState> Classes { get; init; }

    /// <summary>What training added, or null for a detector that was only fitted.</summary>
    public TrainedState? Trained { get; init; }
}

/// <summary>What a detector knows of one class.</summary>
/// <param name="Name">The product in plain words.</param>
/// <param name="BankRows">For every memory layer, unit rows of the vision width.</param>
/// <param name="Calibration">Threshold and its origin.</param>
/// <param name="Shots">The normal images.</param>
internal sealed record ClassState(string Name, IReadOnlyList<float[]> BankRows, Calibration Calibration, IReadOnlyList<Shot> Shots);

/// <summary>What training added, folded for inference: coupled prompts instead of couplings, the first view's signal alone.</summary>
internal sealed record TrainedState
{
    /// <summary>Method and training options.</summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>P~_j^v by layer, each of <see cref="TrainingOptions.VisualPromptLength"/> rows; none in a mode without visual prompts.</summary>
    public required IReadOnlyList<float[]> VisualPrompts { get; init; }

    /// <summary>c_0 (d_v), or null without a view signal.</summary>
    public required float[]? Signal { get; init; }

    /// <summary>The decoder's tensors by name.</summary>
    public required IReadOnlyDictionary<string, float[]> Decoder { get; init; }

    /// <summary>tau_img.</summary>
    public required float ImageTemperature { get; init; }

    /// <summary>Mean losses of every epoch.</summary>
    public required IReadOnlyList<StepLosses> EpochLosses { get; init; }

    /// <summary>Optimiser steps that were taken.</summary>
    public required int Steps { get; init; }
}
