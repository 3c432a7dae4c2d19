namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Focal loss of a map of logits, without alpha: loss_n = mean over pixels of (1 - p_t)^gamma softplus(-x), x = A where Y = 1, else -A.</summary>
/// <remarks>
/// logits A, masks Y in {0, 1}: (N, ...), R pixels per sample; loss: (N). p_t = sigmoid(x), q = 1 - p_t = sigmoid(-x); softplus and sigmoid are
/// evaluated stably, so no clamp exists.
/// Backward: dA += scale / R * sign * -( q^gamma (gamma (1 - q) softplus(-x) + q) ), sign = +1 where Y = 1, else -1.
/// Source: arXiv 1708.02002.
/// </remarks>
public abstract class Focal(Backend backend) : Operation(backend)
{
    /// <summary>One loss per sample.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or gamma is negative.</exception>
    public void Forward(Tensor loss, Tensor logits, Tensor masks, float gamma)
    {
        Check(logits, masks, gamma);
        Require.Tensor(Backend, loss, new(logits.Shape[0]));
        ForwardCore(loss, logits, masks, gamma);
    }

    /// <summary>dlogits += scale * dloss_n/dA.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or gamma is negative.</exception>
    public void BackwardInput(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale)
    {
        Check(logits, masks, gamma);
        Require.Tensor(Backend, dlogits, logits.Shape);
        BackwardInputCore(dlogits, logits, masks, gamma, scale);
    }

    private void Check(Tensor logits, Tensor masks, float gamma)
    {
        Require.Floats(Backend, logits);
        Require.That(logits.Shape.Rank >= 2, $"logits ('{logits.Name}') have shape {logits.Shape}, expected [N, pixels].");
        Require.Tensor(Backend, masks, logits.Shape);
        Require.That(float.IsFinite(gamma) && gamma >= 0, $"gamma must be at least 0, got {gamma}.");
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale);
}
