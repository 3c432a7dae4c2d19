namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Weighted two-way cross entropy of log-odds: loss_n = s_n softplus(label ? -b_n : b_n).</summary>
/// <remarks>
/// logits b, labels in {0, 1}, weights s, loss: (N). It equals the cross entropy of the two-way softmax whose log-odds b are; softplus is stable.
/// Backward: db += scale * s_n (sigmoid(b_n) - label_n); scale = weight / sum of s for a weighted mean.
/// </remarks>
public abstract class CrossEntropy(Backend backend) : Operation(backend)
{
    /// <summary>One weighted loss per sample.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Forward(Tensor loss, Tensor logits, Tensor labels, Tensor weights)
    {
        Require.Rank(Backend, logits, 1);
        Require.Tensor(Backend, loss, logits.Shape);
        Require.Tensor(Backend, labels, logits.Shape);
        Require.Tensor(Backend, weights, logits.Shape);
        ForwardCore(loss, logits, labels, weights);
    }

    /// <summary>dlogits += scale * s_n (sigmoid(b_n) - label_n).</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale)
    {
        Require.Rank(Backend, logits, 1);
        Require.Tensor(Backend, dlogits, logits.Shape);
        Require.Tensor(Backend, labels, logits.Shape);
        Require.Tensor(Backend, weights, logits.Shape);
        BackwardInputCore(dlogits, logits, labels, weights, scale);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale);
}
