namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>y = (x - mean) / sqrt(var + 1e-5) * weight + bias over the last axis, with the biased variance.</summary>
/// <remarks>
/// x, y: (..., C), y of 16 bits or 32; weight, bias: (C). mean, rstd: one value per row, saved for the backward pass when given.
/// Backward, with xh = (x - mean) * rstd and e = dy * weight: dx = rstd * (e - mean(e) - xh * mean(e * xh)),
/// dweight = sum dy * xh, dbias = sum dy. Source: arXiv 1607.06450; CLIP uses eps = 1e-5.
/// </remarks>
public abstract class LayerNorm(Backend backend) : Operation(backend)
{
    /// <summary>Added to the variance.</summary>
    public const float Epsilon = 1e-5f;

    /// <summary>Normalises every row of x. y may be x.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or only one of mean and rstd is given.</exception>
    public void Forward(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean = null, Tensor? rstd = null)
    {
        Require.Floats(Backend, x);
        Require.Activations(Backend, y);
        Require.That(y.Shape == x.Shape, $"y ('{y.Name}') has shape {y.Shape}, expected {x.Shape}.");
        Require.That(y.Type == ElementType.F32 || (x.Width % 2 == 0 && mean is null), $"y ('{y.Name}') {y.Shape} of 16 bits takes even widths and saves no mean.");
        Require.Tensor(Backend, weight, new(x.Width));
        Require.Tensor(Backend, bias, new(x.Width));
        Require.That((mean is null) == (rstd is null), $"mean and rstd are saved together: give both or neither.");
        if (mean is not null)
        {
            Require.Tensor(Backend, mean, new(x.Rows));
            Require.Tensor(Backend, rstd!, new(x.Rows));
        }
        ForwardCore(y, x, weight, bias, mean, rstd);
    }

    /// <summary>dx += rstd * (e - mean(e) - xh * mean(e * xh)): all that a frozen norm needs. dx may not be dy.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, dx, x.Shape);
        Require.Tensor(Backend, dy, x.Shape);
        Require.Tensor(Backend, weight, new(x.Width));
        Require.Tensor(Backend, mean, new(x.Rows));
        Require.Tensor(Backend, rstd, new(x.Rows));
        BackwardInputCore(dx, dy, x, weight, mean, rstd);
    }

    /// <summary>dweight += sum over rows of dy * xh, dbias += sum over rows of dy: for the decoder's norms.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardParameters(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, dweight, new(x.Width));
        Require.Tensor(Backend, dbias, new(x.Width));
        Require.Tensor(Backend, dy, x.Shape);
        Require.Tensor(Backend, mean, new(x.Rows));
        Require.Tensor(Backend, rstd, new(x.Rows));
        BackwardParametersCore(dweight, dbias, dy, x, mean, rstd);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean, Tensor? rstd);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd);

    /// <summary>Arithmetic of <see cref="BackwardParameters"/>; arguments have been checked.</summary>
    protected abstract void BackwardParametersCore(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd);
}
