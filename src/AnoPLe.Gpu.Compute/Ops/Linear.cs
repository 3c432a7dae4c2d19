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
public abstract class PackedLinear(Backend backend, string name, int outFeatures, int inFeatures, bool hasBias, MatrixPrecision precision) : IDisposable
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

    /// <summary>What products with it compute in; below fp32 its values have been rounded.</summary>
    public MatrixPrecision Precision { get; } = precision;

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
/// x: (..., in); y: (..., out), as many rows, either of 32 bits or of 16; W: [out, in] packed once by <see cref="Pack"/>; b: (out).
/// Backward: dx = dy W; dW = dy^T x over all rows; db = sum over rows of dy; through the activation
/// GELU' = Phi(x) + x phi(x), QuickGELU' = s + 1.702 x s (1 - s) with s = sigmoid(1.702 x).
/// </remarks>
public abstract class Linear(Backend backend) : Operation(backend)
{
    /// <summary>Rows of x of 16 bits have a width that is a multiple of this.</summary>
    public const int HalfWidth = 32;

    /// <summary>Copies a weight matrix to the device in the backend's own layout. The spans may be reused afterwards.</summary>
    /// <param name="name">Name for messages.</param>
    /// <param name="weight">out*in values in the given layout.</param>
    /// <param name="bias">out values, or empty for none.</param>
    /// <param name="outFeatures">Width of y.</param>
    /// <param name="inFeatures">Width of x.</param>
    /// <param name="layout">How <paramref name="weight"/> lies.</param>
    /// <param name="exact">Keeps fp32 even on a backend of another <see cref="Backend.MatrixPrecision"/>: what is looked up instead of multiplied with.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    /// <exception cref="DeviceException">Out of memory.</exception>
    public PackedLinear Pack(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures, int inFeatures,
        WeightLayout layout = WeightLayout.OutIn, bool exact = false)
    {
        Require.That(outFeatures > 0 && inFeatures > 0, $"'{name}' must be at least 1 x 1, got {outFeatures} x {inFeatures}.");
        Require.That(weight.Length == (long)outFeatures * inFeatures,
            $"'{name}' has {weight.Length} values, expected {outFeatures} x {inFeatures}.");
        Require.That(bias.Length == 0 || bias.Length == outFeatures, $"The bias of '{name}' has {bias.Length} values, expected {outFeatures}.");
        return PackCore(name, weight, bias, outFeatures, inFeatures, layout, exact ? MatrixPrecision.Fp32 : Backend.MatrixPrecision);
    }

    /// <summary>y = act(x W^T + b); with <paramref name="accumulate"/>, y += x W^T + b (the residual connection; no activation then).</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, the weights live elsewhere, or an activation is combined with accumulation.</exception>
    public void Forward(Tensor y, Tensor x, PackedLinear weight, Activation activation = Activation.None, bool accumulate = false)
    {
        Require.Activations(Backend, x);
        Require.Activations(Backend, y);
        CheckWeight(Backend, weight);
        CheckHalves(y, x, weight, accumulate);
        Require.That(x.Width == weight.InFeatures, $"x ('{x.Name}') {x.Shape} has rows of {x.Width}, '{weight.Name}' takes {weight.InFeatures}.");
        Require.That(y.Width == weight.OutFeatures && y.Rows == x.Rows,
            $"y ('{y.Name}') has shape {y.Shape}, expected {x.Rows} rows of {weight.OutFeatures}.");
        Require.That(!accumulate || activation == Activation.None, $"Accumulation after {activation} is not an operation of this model.");
        ForwardCore(y, x, weight, activation, accumulate);
    }

    // Tensor cores read rows of 16 bits in slices of 32, and add to nothing that was rounded.
    private static void CheckHalves(Tensor y, Tensor x, PackedLinear weight, bool accumulate)
    {
        Require.That((x.Type == ElementType.F32 && y.Type == ElementType.F32) || weight.Precision is MatrixPrecision.Bf16 or MatrixPrecision.Fp16,
            $"'{weight.Name}' of {weight.Precision} takes and gives F32, got x ('{x.Name}') of {x.Type} and y ('{y.Name}') of {y.Type}.");
        Require.That(x.Type == ElementType.F32 || x.Width % HalfWidth == 0, $"x ('{x.Name}') {x.Shape} of 16 bits has rows of {x.Width}, expected a multiple of {HalfWidth}.");
        Require.That(y.Type == ElementType.F32 || (y.Width % 2 == 0 && !accumulate), $"y ('{y.Name}') {y.Shape} of 16 bits takes even widths and no accumulation.");
    }

    /// <summary>
    /// Packs a weight matrix the other way round, for <see cref="BackwardInput"/>: the product dy W then reads its panels as fast as the
    /// forward product reads W's. It doubles the memory of a layer that has a backward pass, so it is made only when one is wanted.
    /// </summary>
    /// <param name="name">Name for messages.</param>
    /// <param name="weight">The forward layer's values.</param>
    /// <param name="outFeatures">Width of the forward layer's y.</param>
    /// <param name="inFeatures">Width of the forward layer's x.</param>
    /// <param name="layout">How <paramref name="weight"/> lies.</param>
    /// <returns>A layer from dy (out) to dx (in).</returns>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    /// <exception cref="DeviceException">Out of memory.</exception>
    public PackedLinear PackTransposed(string name, ReadOnlySpan<float> weight, int outFeatures, int inFeatures, WeightLayout layout = WeightLayout.OutIn)
        => Pack(name, weight, [], inFeatures, outFeatures, Transposed(layout));

    /// <summary>Refreshes a packed matrix from a tensor on the device: for weights that change with every step.</summary>
    /// <param name="target">Made by <see cref="Pack"/> or <see cref="PackTransposed"/> with the same sizes.</param>
    /// <param name="weight">target.OutFeatures * target.InFeatures values, any shape.</param>
    /// <param name="bias">(out), given exactly when the target has a bias.</param>
    /// <param name="layout">How <paramref name="weight"/> lies with respect to the target: for a target of <see cref="PackTransposed"/> it is the other layout than the forward layer's.</param>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    public void Repack(PackedLinear target, Tensor weight, Tensor? bias = null, WeightLayout layout = WeightLayout.OutIn)
    {
        CheckWeight(Backend, target);
        Require.Floats(Backend, weight);
        Require.That(weight.Count == (long)target.OutFeatures * target.InFeatures,
            $"weight ('{weight.Name}') {weight.Shape} has {weight.Count} values, '{target.Name}' holds {target.OutFeatures} x {target.InFeatures}.");
        Require.That((bias is not null) == target.HasBias, $"'{target.Name}' was packed {(target.HasBias ? "with" : "without")} a bias: give {(target.HasBias ? "one" : "none")}.");
        if (bias is not null)
            Require.Tensor(Backend, bias, new(target.OutFeatures));
        RepackCore(target, weight, bias, layout);
    }

    /// <summary>dx = dy W, or dx += dy W: all that a frozen layer needs. It is the forward product with the matrix of <see cref="PackTransposed"/>.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or the weights live elsewhere.</exception>
    public void BackwardInput(Tensor dx, Tensor dy, PackedLinear transposed, bool accumulate = false)
    {
        Require.Floats(Backend, dx);
        Require.Floats(Backend, dy);
        CheckWeight(Backend, transposed);
        Require.That(dy.Width == transposed.InFeatures && !transposed.HasBias,
            $"dy ('{dy.Name}') {dy.Shape} has rows of {dy.Width}, '{transposed.Name}' takes {transposed.InFeatures}{(transposed.HasBias ? " and has a bias: it is no transposed matrix" : "")}.");
        Require.That(dx.Width == transposed.OutFeatures && dx.Rows == dy.Rows,
            $"dx ('{dx.Name}') has shape {dx.Shape}, expected {dy.Rows} rows of {transposed.OutFeatures}.");
        ForwardCore(dx, dy, transposed, Activation.None, accumulate);
    }

    /// <summary>dW += dy^T x over all rows, in the layout of the weights: [out, in], or [in, out] = x^T dy.</summary>
    /// <param name="dweight">out*in values, any shape.</param>
    /// <param name="dy">(..., out).</param>
    /// <param name="x">(..., in), as many rows.</param>
    /// <param name="layout">How <paramref name="dweight"/> lies.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardParameters(Tensor dweight, Tensor dy, Tensor x, WeightLayout layout = WeightLayout.OutIn)
    {
        Require.Floats(Backend, dweight);
        Require.Floats(Backend, dy);
        Require.Floats(Backend, x);
        Require.That(dy.Rows == x.Rows, $"dy ('{dy.Name}') {dy.Shape} has {dy.Rows} rows, x ('{x.Name}') {x.Shape} has {x.Rows}.");
        Require.That(dweight.Count == (long)dy.Width * x.Width,
            $"dweight ('{dweight.Name}') {dweight.Shape} has {dweight.Count} values, expected {dy.Width} x {x.Width}.");
        if (layout == WeightLayout.OutIn)
            BackwardParametersCore(dweight, dy, x);
        else
            BackwardParametersCore(dweight, x, dy);
    }

    /// <summary>db += sum of dy over all rows.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardBias(Tensor dbias, Tensor dy)
    {
        Require.Floats(Backend, dy);
        Require.Tensor(Backend, dbias, new(dy.Width));
        BackwardBiasCore(dbias, dy);
    }

    private static WeightLayout Transposed(WeightLayout layout) => layout == WeightLayout.OutIn ? WeightLayout.InOut : WeightLayout.OutIn;

    internal static void CheckWeight(Backend backend, PackedLinear weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Require.That(ReferenceEquals(weight.Backend, backend),
            $"'{weight.Name}' was packed for backend {weight.Backend.Device.Id}, the operation runs on another one, {backend.Device.Id}.");
    }

    /// <summary>Arithmetic of <see cref="Pack"/>; sizes have been checked.</summary>
    protected abstract PackedLinear PackCore(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures,
        int inFeatures, WeightLayout layout, MatrixPrecision precision);

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, PackedLinear weight, Activation activation, bool accumulate);

    /// <summary>Arithmetic of <see cref="Repack"/>; sizes have been checked.</summary>
    protected abstract void RepackCore(PackedLinear target, Tensor weight, Tensor? bias, WeightLayout layout);

    /// <summary>C (M, N) += A^T B over the rows of A (R, M) and B (R, N), in one order of sums; arguments have been checked.</summary>
    protected abstract void BackwardParametersCore(Tensor c, Tensor a, Tensor b);

    /// <summary>Arithmetic of <see cref="BackwardBias"/>; arguments have been checked.</summary>
    protected abstract void BackwardBiasCore(Tensor dbias, Tensor dy);
}
