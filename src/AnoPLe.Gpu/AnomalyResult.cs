namespace AnoPLe.Gpu;

/// <summary>What a detector says of one image.</summary>
/// <param name="Score">How anomalous the image is: the largest value of <paramref name="Map"/>. Higher is more anomalous.</param>
/// <param name="Map">Where: one value per pixel at the model's image size; <see cref="AnomalyMap.Resize"/> brings it to the original's.</param>
/// <param name="TextScore">Zero-shot probability of "abnormal NAME" against "NAME" by CLIP's text tower, 0 to 1. Reported beside the score,
/// not part of it.</param>
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
