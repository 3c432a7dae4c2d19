namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Dice loss of a map of logits: loss_n = 1 - (2 sum P Y + eps) / (sum P + sum Y + eps), P = sigmoid(A), over the pixels of sample n.</summary>
/// <remarks>
/// logits A, masks Y: (N, ...), R pixels per sample; loss: (N); sums: (N, 2), saved for the backward pass: I = sum P Y, Q = sum P + sum Y + eps.
/// Backward: dP = -scale (2 Y Q - (2 I + eps)) / Q^2; dA += dP P (1 - P). scale = weight / N for a mean over samples.
/// The sigmoid is evaluated stably. Source: V-Net, arXiv 1606.04797.
/// </remarks>
public abstract class Dice(Backend backend) : Operation(backend)
{
    /// <summary>One loss per sample.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or epsilon is not positive.</exception>
    public void Forward(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon)
    {
        Check(sums, logits, masks, epsilon);
        Require.Tensor(Backend, loss, new(logits.Shape[0]));
        ForwardCore(loss, sums, logits, masks, epsilon);
    }

    /// <summary>dlogits += scale * dloss_n/dA, with the sums of <see cref="Forward"/>.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or epsilon is not positive.</exception>
    public void BackwardInput(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale)
    {
        Check(sums, logits, masks, epsilon);
        Require.Tensor(Backend, dlogits, logits.Shape);
        BackwardInputCore(dlogits, logits, masks, sums, epsilon, scale);
    }

    private void Check(Tensor sums, Tensor logits, Tensor masks, float epsilon)
    {
        Require.Floats(Backend, logits);
        Require.That(logits.Shape.Rank >= 2, $"logits ('{logits.Name}') have shape {logits.Shape}, expected [N, pixels].");
        Require.Tensor(Backend, masks, logits.Shape);
        Require.Tensor(Backend, sums, new(logits.Shape[0], 2));
        Require.That(float.IsFinite(epsilon) && epsilon > 0, $"epsilon must be above 0, got {epsilon}.");
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale);
}
