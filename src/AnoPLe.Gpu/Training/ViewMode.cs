namespace AnoPLe.Gpu.Training;

/// <summary>Where the learnable view signal enters. Source: AnoPLe, arXiv 2408.13516; both placements, because its versions differ.</summary>
public enum ViewMode
{
    /// <summary>Added to every patch token right before the decoder.</summary>
    Decoder,

    /// <summary>An extra token of the vision tower.</summary>
    Encoder,

    /// <summary>No signal.</summary>
    None,
}
