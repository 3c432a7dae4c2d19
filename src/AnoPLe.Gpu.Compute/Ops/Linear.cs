namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>What follows the matrix product inside the same kernel.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>0.5 x (1 + erf(x / sqrt 2)): open_clip's models.</summary>
    Gelu,

    /// <summary>x * sigmoid(1.702 x): OpenAI's models.</summary>
    QuickGelu,
}

/// <summary>How a weight matrix lies in its file.</summary>
public enum WeightLayout
{
    /// <summary>[out, in] row-major, as torch's Linear: y = x W^T.</summary>
    OutIn,

    /// <summary>[in, out] row-major, as CLIP's projections: y = x W.</summary>
    InOut,
}

/// <summary>A frozen weight matrix with optional bias, in whatever form the backend's matrix product reads fastest.</summary>
public abstract class PackedLinear(Backend backend, string name, int outFeatures, int inFeatures, bool hasBias) : IDisposable
{
    /// <summary>Where it lives.</summary>
    public Backend Backend { get; } = backend;

    /// <summary>Name for messages.</summary>
    public string Name { get; } = name;

    /// <summary>Width of y.</summary>
    public int OutFeatures { get; } = outFeatures;

    /// <summary>Width of x.</summary>
    public int InFeatures { get; } = inFeatures;

    /// <summary>Whether a bias is added.</summary>
    public bool HasBias { get; } = hasBias;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the device memory.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>y = act(x W^T + b), or y += x W^T + b.</summary>
/// <remarks>
/// x: (..., in); y: (..., out), as many rows; W: [out, in] packed once by <see cref="Pack"/>; b: (out).
/// Backward: dx = dy W; dW = dy^T x over all rows; db = sum over rows of dy; through the activation
/// GELU' = Phi(x) + x phi(x), QuickGELU' = s + 1.702 x s (1 - s) with s = sigmoid(1.702 x).
/// </remarks>
public abstract class Linear(Backend backend) : Operation(backend)
{
    /// <summary>Copies a weight matrix to the device in the backend's own layout. The spans may be reused afterwards.</summary>
    /// <param name="name">Name for messages.</param>
    /// <param name="weight">out*in values in the given layout.</param>
    /// <param name="bias">out values, or empty for none.</param>
    /// <param name="outFeatures">Width of y.</param>
    /// <param name="inFeatures">Width of x.</param>
    /// <param name="layout">How <paramref name="weight"/> lies.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    /// <exception cref="DeviceException">Out of memory.</exception>
    public PackedLinear Pack(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures, int inFeatures,
        WeightLayout layout = WeightLayout.OutIn)
    {
        Require.That(outFeatures > 0 && inFeatures > 0, $"'{name}' must be at least 1 x 1, got {outFeatures} x {inFeatures}.");
        Require.That(weight.Length == (long)outFeatures * inFeatures,
            $"'{name}' has {weight.Length} values, expected {outFeatures} x {inFeatures}.");
        Require.That(bias.Length == 0 || bias.Length == outFeatures, $"The bias of '{name}' has {bias.Length} values, expected {outFeatures}.");
        return PackCore(name, weight, bias, outFeatures, inFeatures, layout);
    }

    /// <summary>y = act(x W^T + b); with <paramref name="accumulate"/>, y += x W^T + b (the residual connection; no activation then).</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, the weights live elsewhere, or an activation is combined with accumulation.</exception>
    public void Forward(Tensor y, Tensor x, PackedLinear weight, Activation activation = Activation.None, bool accumulate = false)
    {
        Require.Floats(Backend, x);
        Require.Floats(Backend, y);
        CheckWeight(Backend, weight);
        Require.That(x.Width == weight.InFeatures, $"x ('{x.Name}') {x.Shape} has rows of {x.Width}, '{weight.Name}' takes {weight.InFeatures}.");
        Require.That(y.Width == weight.OutFeatures && y.Rows == x.Rows,
            $"y ('{y.Name}') has shape {y.Shape}, expected {x.Rows} rows of {weight.OutFeatures}.");
        Require.That(!accumulate || activation == Activation.None, $"Accumulation after {activation} is not an operation of this model.");
        ForwardCore(y, x, weight, activation, accumulate);
    }

    internal static void CheckWeight(Backend backend, PackedLinear weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Require.That(ReferenceEquals(weight.Backend, backend),
            $"'{weight.Name}' was packed for backend {weight.Backend.Device.Id}, the operation runs on another one, {backend.Device.Id}.");
    }

    /// <summary>Arithmetic of <see cref="Pack"/>; sizes have been checked.</summary>
    protected abstract PackedLinear PackCore(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures,
        int inFeatures, WeightLayout layout);

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, PackedLinear weight, Activation activation, bool accumulate);
}
