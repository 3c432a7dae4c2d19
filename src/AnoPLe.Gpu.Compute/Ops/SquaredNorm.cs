namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>result = sum of x^2: the squared norm of a gradient, not finite exactly when an element is not finite or the sum overflows.</summary>
/// <remarks>x: any shape; result: (1). One order of sums. No backward: it only watches the training.</remarks>
public abstract class SquaredNorm(Backend backend) : Operation(backend)
{
    /// <summary>Sums the squares.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Forward(Tensor result, Tensor x)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, result, new(1));
        ForwardCore(result, x);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor result, Tensor x);
}
