namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>y = act(x), element by element: GELU 0.5 x (1 + erf(x / sqrt 2)) or QuickGELU x * sigmoid(1.702 x).</summary>
/// <remarks>
/// x, y: any shape. In inference <see cref="Linear"/> applies the activation itself; training keeps x, because the backward pass needs it.
/// Backward: GELU dx = dy (Phi(x) + x phi(x)); QuickGELU dx = dy (s + 1.702 x s (1 - s)) with s = sigmoid(1.702 x).
/// Sources: arXiv 1606.08415; openai/CLIP clip/model.py, QuickGELU.
/// </remarks>
public abstract class ElementwiseActivation(Backend backend) : Operation(backend)
{
    /// <summary>Applies the activation. y may be x.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or there is no activation.</exception>
    public void Forward(Tensor y, Tensor x, Activation activation)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, y, x.Shape);
        Check(activation);
        ForwardCore(y, x, activation);
    }

    /// <summary>dx = dy * act'(x), overwritten. dx may be dy.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or there is no activation.</exception>
    public void BackwardInput(Tensor dx, Tensor dy, Tensor x, Activation activation)
    {
        Require.Floats(Backend, x);
        Require.Tensor(Backend, dx, x.Shape);
        Require.Tensor(Backend, dy, x.Shape);
        Check(activation);
        BackwardInputCore(dx, dy, x, activation);
    }

    private static void Check(Activation activation) =>
        Require.That(activation is Activation.Gelu or Activation.QuickGelu, $"Expected Gelu or QuickGelu, got {activation}.");

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, Activation activation);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Activation activation);
}
