namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>
/// Alignment of the image feature with the decoder's features where these are anomalous: loss_n = s_n (1 - unit(z0_n) . unit(p_n)), with
/// p_n = sum over cells of M D / (sum of M + eps) and M = sigmoid(r).
/// </summary>
/// <remarks>
/// z0: (N, d); features D: (N, ..., d), G cells per sample; logits r: one value per cell; weights s, loss: (N).
/// Saved for the backward pass: pooled p: (N, d); mass: (N), sum of M + eps. unit(x) = x / sqrt(sum x^2 + 1e-12).
/// Backward, with c = scale s_n: dz0 += unit'(-c unit(p)) at z0; dp = unit'(-c unit(z0)) at p; v = dp / mass;
/// dD_i += M_i v; dM_i = D_i . v - p . v; dr_i += dM_i M_i (1 - M_i). Detached: p is a constant, only dz0 is written.
/// Source: AnoPLe, arXiv 2408.13516, the alignment loss.
/// </remarks>
public abstract class Alignment(Backend backend) : Operation(backend)
{
    /// <summary>One weighted loss per sample.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or epsilon is not positive.</exception>
    public void Forward(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon)
    {
        Check(pooled, mass, z0, features, logits, weights);
        Require.Tensor(Backend, loss, new(z0.Shape[0]));
        Require.That(float.IsFinite(epsilon) && epsilon > 0, $"epsilon must be above 0, got {epsilon}.");
        ForwardCore(loss, pooled, mass, z0, features, logits, weights, epsilon);
    }

    /// <summary>dz0 += ..., and unless detached dfeatures += ... and dlogits += ..., all times scale.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled, Tensor mass,
        float scale, bool detach = false)
    {
        Check(pooled, mass, z0, features, logits, weights);
        Require.Tensor(Backend, dz0, z0.Shape);
        Require.Tensor(Backend, dfeatures, features.Shape);
        Require.Tensor(Backend, dlogits, logits.Shape);
        BackwardInputCore(dz0, dfeatures, dlogits, z0, features, logits, weights, pooled, mass, scale, detach);
    }

    private void Check(Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights)
    {
        Require.Rank(Backend, z0, 2);
        Require.Floats(Backend, features);
        Require.Floats(Backend, logits);
        Require.That(features.Shape.Rank >= 3 && features.Shape[0] == z0.Shape[0] && features.Width == z0.Width,
            $"features ('{features.Name}') have shape {features.Shape}, expected [{z0.Shape[0]}, cells, {z0.Width}].");
        Require.That(logits.Count == features.Rows, $"logits ('{logits.Name}') {logits.Shape} have {logits.Count} values, expected one for each of {features.Rows} cells.");
        Require.Tensor(Backend, pooled, z0.Shape);
        Require.Tensor(Backend, mass, new(z0.Shape[0]));
        Require.Tensor(Backend, weights, new(z0.Shape[0]));
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled,
        Tensor mass, float scale, bool detach);
}
