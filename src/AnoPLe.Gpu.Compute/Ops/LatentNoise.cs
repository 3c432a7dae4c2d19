namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Pseudo-anomalies in feature space: y = x + scale * mask * noise, the mask being one value per row.</summary>
/// <remarks>
/// x, y, noise: (..., C); mask: one value per row, or none for 1. Backward: the noise is additive, so dx += dy.
/// Source: SimpleNet, arXiv 2303.15140; AnoPLe, arXiv 2408.13516.
/// </remarks>
public abstract class LatentNoise(Backend backend) : Operation(backend)
{
    /// <summary>Adds the noise. y may be x.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or the scale is not finite.</exception>
    public void Forward(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, y, x.Shape);
        Require.Tensor(Backend, noise, x.Shape);
        if (mask is not null)
        {
            Require.Floats(Backend, mask);
            Require.That(mask.Count == x.Rows, $"mask ('{mask.Name}') {mask.Shape} has {mask.Count} values, expected one for each of {x.Rows} rows.");
        }
        Require.That(float.IsFinite(scale), $"scale must be finite, got {scale}.");
        ForwardCore(y, x, noise, mask, scale);
    }

    /// <summary>dx += dy: the gradient of the noisy copy joins that of its source.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dx, Tensor dy)
    {
        Require.Floats(Backend, dx);
        Require.Tensor(Backend, dy, dx.Shape);
        BackwardInputCore(dx, dy);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dy);
}
