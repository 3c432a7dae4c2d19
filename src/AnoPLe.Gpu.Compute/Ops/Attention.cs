namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Fused multi-head self-attention: y = concat over heads of softmax(q k^T / sqrt(C/H) + mask) v.</summary>
/// <remarks>
/// qkv: (B, T, 3C), each row q | k | v; head h owns channels h*C/H .. (h+1)*C/H - 1; y: (B, T, C), before the output projection; both of 32 bits or both of 16.
/// The causal mask forbids keys after the query. The T x T scores are never stored (online softmax, or one tile of rows at a time).
/// logSumExp: (B, H, T), log of the sum of exp of a row's scaled scores, saved for the backward pass when given; with it, backward
/// recomputes A: dV = A^T dO; dA = dO V^T; dS = A * (dA - rowsum(dA * A)) / sqrt(C/H); dQ = dS K; dK = dS^T Q.
/// Sources: arXiv 1706.03762, 2205.14135.
/// </remarks>
public abstract class Attention(Backend backend) : Operation(backend)
{
    /// <summary>Heads of 16 bits have a width that is a multiple of this.</summary>
    public const int HalfHeadWidth = 8;

    /// <summary>Attends within every sequence of the batch.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit or C is no multiple of the number of heads.</exception>
    public void Forward(Tensor y, Tensor qkv, int heads, bool causal = false, Tensor? logSumExp = null)
    {
        Require.Activations(Backend, qkv);
        Require.Activations(Backend, y);
        Require.That(qkv.Shape.Rank == 3, $"qkv ('{qkv.Name}') has shape {qkv.Shape}, expected 3 axes.");
        int B = qkv.Shape[0], T = qkv.Shape[1], C = qkv.Width / 3;
        Require.That(qkv.Width % 3 == 0, $"qkv ('{qkv.Name}') has rows of {qkv.Width}, expected q, k and v of equal width.");
        Require.That(heads > 0 && C % heads == 0, $"{heads} heads do not divide the width {C}.");
        Require.That(y.Shape == new Shape(B, T, C), $"y ('{y.Name}') has shape {y.Shape}, expected {new Shape(B, T, C)}.");
        Require.That(y.Type == qkv.Type && (y.Type == ElementType.F32 || (C / heads % HalfHeadWidth == 0 && logSumExp is null)),
            $"y ('{y.Name}') holds {y.Type}, qkv ('{qkv.Name}') {qkv.Type}, in heads of {C / heads}; expected the same type, and for Half heads of a multiple of {HalfHeadWidth} and no logSumExp.");
        if (logSumExp is not null)
            Require.Tensor(Backend, logSumExp, new(B, heads, T));
        ForwardCore(y, qkv, heads, causal, logSumExp);
    }

    /// <summary>dqkv = gradients of q, k and v, overwritten. Probabilities are recomputed from qkv and logSumExp; nothing of size T x T is stored.</summary>
    /// <param name="dqkv">(B, T, 3C), each row dq | dk | dv.</param>
    /// <param name="dy">(B, T, C), gradient of the concatenated heads.</param>
    /// <param name="qkv">As in <see cref="Forward"/>.</param>
    /// <param name="y">Result of <see cref="Forward"/>: rowsum(dA * A) = dy . y for every head.</param>
    /// <param name="logSumExp">Saved by <see cref="Forward"/>.</param>
    /// <param name="heads">As in <see cref="Forward"/>.</param>
    /// <param name="causal">As in <see cref="Forward"/>.</param>
    /// <exception cref="ArgumentException">Shapes do not fit or C is no multiple of the number of heads.</exception>
    public void BackwardInput(Tensor dqkv, Tensor dy, Tensor qkv, Tensor y, Tensor logSumExp, int heads, bool causal = false)
    {
        Require.Rank(Backend, qkv, 3);
        int B = qkv.Shape[0], T = qkv.Shape[1], C = qkv.Width / 3;
        Require.That(qkv.Width % 3 == 0, $"qkv ('{qkv.Name}') has rows of {qkv.Width}, expected q, k and v of equal width.");
        Require.That(heads > 0 && C % heads == 0, $"{heads} heads do not divide the width {C}.");
        Require.Tensor(Backend, dqkv, qkv.Shape);
        Require.Tensor(Backend, dy, new(B, T, C));
        Require.Tensor(Backend, y, new(B, T, C));
        Require.Tensor(Backend, logSumExp, new(B, heads, T));
        BackwardInputCore(dqkv, dy, qkv, y, logSumExp, heads, causal);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor qkv, int heads, bool causal, Tensor? logSumExp);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dqkv, Tensor dy, Tensor qkv, Tensor y, Tensor logSumExp, int heads, bool causal);
}
