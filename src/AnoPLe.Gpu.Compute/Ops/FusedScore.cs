namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Harmonic mean of the decoder's probability and the memory's distance: y = 2 p q / (p + q + eps), p = sigmoid(logits), q = memory.</summary>
/// <remarks>logits, memory, y: the same shape, one value per pixel. Without a memory y = p. No backward: it is applied after training. Source: AnoPLe, arXiv 2408.13516.</remarks>
public abstract class FusedScore(Backend backend) : Operation(backend)
{
    /// <summary>Fuses two maps. y may be logits or memory.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or epsilon is not positive.</exception>
    public void Forward(Tensor y, Tensor logits, Tensor? memory, float epsilon)
    {
        Require.Floats(Backend, logits);
        Require.Tensor(Backend, y, logits.Shape);
        if (memory is not null)
            Require.Tensor(Backend, memory, logits.Shape);
        Require.That(float.IsFinite(epsilon) && epsilon > 0, $"epsilon must be above 0, got {epsilon}.");
        ForwardCore(y, logits, memory, epsilon);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon);
}
