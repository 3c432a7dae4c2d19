namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>y = x / sqrt(sum x^2 + 1e-12) over the last axis: the unit vectors of every cosine.</summary>
/// <remarks>x, y: (..., C). Backward, with r = 1 / sqrt(sum x^2 + 1e-12): dx = r (dy - y (y . dy)).</remarks>
public abstract class L2Normalize(Backend backend) : Operation(backend)
{
    /// <summary>Added to the sum of squares, so that a zero row stays zero.</summary>
    public const float Epsilon = 1e-12f;

    /// <summary>Normalises every row. y may be x.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Forward(Tensor y, Tensor x)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, y, x.Shape);
        ForwardCore(y, x);
    }

    /// <summary>dx += r (dy - y (y . dy)), with r and y recomputed from x.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dx, Tensor dy, Tensor x)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, dx, x.Shape);
        Require.Tensor(Backend, dy, x.Shape);
        BackwardInputCore(dx, dy, x);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dy, Tensor x);
}
