using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Parameters;

/// <summary>
/// A linear layer whose weights change with every step: the parameter itself and two packed copies of it, for y = x W^T + b and for
/// dx = dy W, which <see cref="Refresh"/> renews.
/// </summary>
internal sealed class TrainableLinear : IDisposable
{
    private readonly Linear op;
    private readonly Tensor weight;
    private readonly Tensor? bias, weightGradient, biasGradient;
    private readonly WeightLayout layout;
    private readonly PackedLinear forward;
    private readonly PackedLinear? transposed;

    /// <summary>Packs a parameter; the packed copies are undefined until <see cref="Refresh"/>.</summary>
    /// <param name="parameters">Owner of the weight and the bias.</param>
    /// <param name="weightName">Parameter with out*in values.</param>
    /// <param name="biasName">Parameter with out values, or null.</param>
    /// <param name="outFeatures">Width of y.</param>
    /// <param name="inFeatures">Width of x.</param>
    /// <param name="layout">How the weight lies.</param>
    public TrainableLinear(ParameterStore parameters, string weightName, string? biasName, int outFeatures, int inFeatures, WeightLayout layout = WeightLayout.OutIn)
    {
        op = parameters.Backend.Linear;
        this.layout = layout;
        weight = parameters.Value(weightName);
        bias = biasName is null ? null : parameters.Value(biasName);
        var zeros = new float[outFeatures * inFeatures];
        forward = op.Pack(weightName, zeros, bias is null ? [] : new float[outFeatures], outFeatures, inFeatures, layout);
        if (!parameters.IsTrainable)
            return;
        weightGradient = parameters.Gradient(weightName);
        biasGradient = biasName is null ? null : parameters.Gradient(biasName);
        transposed = op.PackTransposed(weightName + "^T", zeros, outFeatures, inFeatures, layout);
    }

    /// <summary>The packed weight.</summary>
    public PackedLinear Packed => forward;

    /// <summary>The packed transposed weight.</summary>
    public PackedLinear PackedTransposed => transposed ?? throw new InvalidOperationException("These parameters were loaded for scoring and have no gradients.");

    /// <summary>Brings the packed copies up to date after the parameters changed.</summary>
    public void Refresh()
    {
        op.Repack(forward, weight, bias, layout);
        if (transposed is not null)
            op.Repack(transposed, weight, null, layout == WeightLayout.OutIn ? WeightLayout.InOut : WeightLayout.OutIn);
    }

    /// <summary>y = x W^T + b.</summary>
    public void Forward(Tensor y, Tensor x) => op.Forward(y, x, forward);

    /// <summary>dx = dy W, or dx += dy W.</summary>
    public void BackwardInput(Tensor dx, Tensor dy, bool accumulate = false) => op.BackwardInput(dx, dy, PackedTransposed, accumulate);

    /// <summary>dW += dy^T x, db += sum of dy.</summary>
    public void BackwardParameters(Tensor dy, Tensor x)
    {
        op.BackwardParameters(weightGradient!, dy, x, layout);
        if (biasGradient is not null)
            op.BackwardBias(biasGradient, dy);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        forward.Dispose();
        transposed?.Dispose();
    }
}
