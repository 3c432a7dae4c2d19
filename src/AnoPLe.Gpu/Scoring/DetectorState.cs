namespace AnoPLe.Gpu.Scoring;

/// <summary>Everything a detector knows apart from CLIP's weights; what its file holds.</summary>
internal sealed record DetectorState
{
    /// <summary>The product in plain words.</summary>
    public required string ClassName { get; init; }

    /// <summary>SHA-256 of the weights it was made with.</summary>
    public required string WeightsHash { get; init; }

    /// <summary>Memory layers, ascending, 1-based.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>For every layer, unit rows of the vision width.</summary>
    public required IReadOnlyList<float[]> BankRows { get; init; }

    /// <summary>Length of a bank row.</summary>
    public required int VisionWidth { get; init; }

    /// <summary>(2, d) unit rows: normal, abnormal.</summary>
    public required float[] TextFeatures { get; init; }

    /// <summary>Smoothing of the maps in pixels.</summary>
    public required float SmoothSigma { get; init; }

    /// <summary>Threshold and its origin.</summary>
    public required Calibration Calibration { get; init; }

    /// <summary>The normal images.</summary>
    public required IReadOnlyList<Shot> Shots { get; init; }
}
