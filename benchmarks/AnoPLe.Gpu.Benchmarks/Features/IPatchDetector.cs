using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Benchmarks.Features;

/// <summary>A memory of the patches of some normal images, and the distance of other images to it.</summary>
internal interface IPatchDetector : IDisposable
{
    /// <summary>Scores an image.</summary>
    /// <param name="image">At the model's size.</param>
    /// <returns>The map (height, width) at that size, and the image's score.</returns>
    (float[] Map, float Score) Score(RgbImage image);
}

/// <summary>The library's detector, fitted, not trained: patch tokens of a CLIP tower.</summary>
internal sealed class TowerDetector(AnomalyDetector detector) : IPatchDetector
{
    public (float[] Map, float Score) Score(RgbImage image)
    {
        AnomalyResult result = detector.Score(image);
        return (result.Map.Values.ToArray(), result.Score);
    }

    public void Dispose() => detector.Dispose();
}
