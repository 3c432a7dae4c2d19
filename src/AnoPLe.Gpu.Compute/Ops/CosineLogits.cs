namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Log-odds of abnormal against normal: logit = tau * unit(x) . (w_abnormal - w_normal) of the sample's class.</summary>
/// <remarks>
/// x: (N, ..., C), any scale, R rows per sample; text: (2K, C), unit rows, row 2k normal, row 2k + 1 abnormal of class k;
/// classes: N indices; logits: one value per row of x. sigmoid(logit) is the abnormal side of softmax(tau * cosines).
/// The difference of the text rows is taken before the dot product, because the two rows are nearly equal.
/// Backward, with d = w_abnormal - w_normal: dx = unit'(tau * dlogit * d), dd = tau * sum dlogit * unit(x), dw_abnormal += dd, dw_normal -= dd.
/// </remarks>
public abstract class CosineLogits(Backend backend) : Operation(backend)
{
    /// <summary>Scores every row of x against the two prompts of its sample's class.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or tau is not a positive number.</exception>
    public void Forward(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        Check(logits, x, text, classes, tau);
        ForwardCore(logits, x, text, classes, tau);
    }

    /// <summary>dx += unit'(tau * dlogit * (w_abnormal - w_normal)).</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or tau is not a positive number.</exception>
    public void BackwardInput(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        Check(dlogits, x, text, classes, tau);
        Require.Tensor(Backend, dx, x.Shape);
        BackwardInputCore(dx, dlogits, x, text, classes, tau);
    }

    /// <summary>With dd = tau * sum of dlogit * unit(x) over the rows of a class: dtext row 2k + 1 += dd, row 2k -= dd.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or tau is not a positive number.</exception>
    public void BackwardText(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau)
    {
        Check(dlogits, x, dtext, classes, tau);
        BackwardTextCore(dtext, dlogits, x, classes, tau);
    }

    private void Check(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        Require.Floats(Backend, x);
        Require.Floats(Backend, logits);
        Require.Rank(Backend, text, 2);
        int N = x.Shape.Rank > 1 ? x.Shape[0] : 1;
        Require.That(logits.Count == x.Rows, $"logits ('{logits.Name}') {logits.Shape} hold {logits.Count} values, expected {x.Rows}.");
        Require.That(text.Width == x.Width && text.Shape[0] % 2 == 0,
            $"text ('{text.Name}') has shape {text.Shape}, expected [2K, {x.Width}].");
        Require.Indices(Backend, classes, N);
        Require.That(float.IsFinite(tau) && tau > 0, $"tau must be a positive number, got {tau}.");
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau);

    /// <summary>Arithmetic of <see cref="BackwardText"/>; arguments have been checked.</summary>
    protected abstract void BackwardTextCore(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau);
}
