using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu;

/// <summary>How a detector is fitted without training. The defaults are the method's.</summary>
public sealed record FitOptions
{
    /// <summary>1-based vision blocks whose patch tokens are remembered; null for the blocks at half and at three quarters of the depth.</summary>
    public IReadOnlyList<int>? MemoryLayers { get; init; }

    /// <summary>Standard deviation in pixels of the smoothing of the map at the model's image size.</summary>
    public float SmoothSigma { get; init; } = 4;

    /// <summary>Score above which an image is anomalous; null to derive it from the normal images.</summary>
    public float? Threshold { get; init; }

    internal IReadOnlyList<int> LayersFor(ClipConfig config)
    {
        IReadOnlyList<int> layers = MemoryLayers ?? DefaultLayers(config.VisionLayers);
        Require.That(layers.Count > 0 && layers.Distinct().Count() == layers.Count, $"Memory layers must be different blocks, got: {string.Join(", ", layers)}.");
        foreach (int layer in layers)
            Require.That(layer >= 1 && layer <= config.VisionLayers, $"Memory layer {layer} is not a block of this model: 1 to {config.VisionLayers}.");
        Require.That(SmoothSigma > 0 && GaussianBlur.Radius(SmoothSigma) <= GaussianBlur.MaxRadius,
            $"SmoothSigma must be above 0 and below {GaussianBlur.MaxRadius / 4}, got {SmoothSigma}.");
        Require.That(Threshold is null || float.IsFinite(Threshold.Value), $"Threshold must be a finite number, got {Threshold}.");
        return [.. layers.Order()];
    }

    /// <summary>max(1, floor(L/2)) and max(1, floor(3L/4)), once where they are equal.</summary>
    private static int[] DefaultLayers(int layers) => [.. new[] { Math.Max(1, layers / 2), Math.Max(1, 3 * layers / 4) }.Distinct()];
}
