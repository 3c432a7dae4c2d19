namespace AnoPLe.Gpu;

/// <summary>What a detector says of one image.</summary>
/// <param name="Score">How anomalous the image is; higher is more anomalous. For a fitted detector the largest value of <paramref name="Map"/>,
/// for a trained one the harmonic mean of that and <paramref name="TextScore"/>.</param>
/// <param name="Map">Where: one value per pixel at the model's image size; <see cref="AnomalyMap.Resize"/> brings it to the original's.</param>
/// <param name="TextScore">Probability of "abnormal NAME" against "NAME", 0 to 1: zero-shot for a fitted detector, which does not use it in its
/// score; with the learned prompts for a trained one, which does.</param>
/// <param name="Decision">Whether the score exceeds the detector's threshold.</param>
public sealed record AnomalyResult(float Score, AnomalyMap Map, float TextScore, Decision Decision);

/// <summary>A detector's verdict.</summary>
public enum Decision
{
    /// <summary>At most the threshold.</summary>
    Normal,

    /// <summary>Above the threshold.</summary>
    Anomalous,
}
