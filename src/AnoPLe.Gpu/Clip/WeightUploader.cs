using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// Moves frozen weights from a file to a backend by their canonical names. Shapes were checked when the file was opened. A tensor is mapped
/// while it is copied and no longer, so that memory holds the packed weights and not the file's pages as well.
/// </summary>
internal sealed class WeightUploader(ClipWeights weights, Backend backend)
{
    /// <summary>Where the weights go.</summary>
    public Backend Backend { get; } = backend;

    /// <summary>A vector of any length: biases, norms, embeddings of one token.</summary>
    public Tensor Vector(string name)
    {
        using var values = weights.OpenWindow(name);
        return Backend.Upload(name, new(values.Values.Length), values.Values);
    }

    /// <summary>A matrix kept as it is: positional embeddings.</summary>
    public Tensor Matrix(string name, int rows, int columns)
    {
        using var values = weights.OpenWindow(name);
        return Backend.Upload(name, new(rows, columns), values.Values);
    }

    /// <summary>Weight and bias of a layer norm.</summary>
    public (Tensor Weight, Tensor Bias) Norm(string prefix) => (Vector(ClipTensors.Weight(prefix)), Vector(ClipTensors.Bias(prefix)));

    /// <summary>A packed layer whose weight and bias are named PREFIX.weight and PREFIX.bias.</summary>
    public PackedLinear Linear(string prefix, int outFeatures, int inFeatures) =>
        Linear(ClipTensors.Weight(prefix), ClipTensors.Bias(prefix), outFeatures, inFeatures);

    /// <summary>A packed layer; no bias when <paramref name="bias"/> is null.</summary>
    public PackedLinear Linear(string name, string? bias, int outFeatures, int inFeatures, WeightLayout layout = WeightLayout.OutIn)
    {
        using var weight = weights.OpenWindow(name);
        using var added = bias is null ? FloatWindow.Of([]) : weights.OpenWindow(bias);
        return Backend.Linear.Pack(name, weight.Values, added.Values, outFeatures, inFeatures, layout);
    }

    /// <summary>The transposed copy of a layer, for its input gradient.</summary>
    public PackedLinear Transposed(string name, int outFeatures, int inFeatures, WeightLayout layout = WeightLayout.OutIn)
    {
        using var weight = weights.OpenWindow(name);
        return Backend.Linear.PackTransposed(name + "^T", weight.Values, outFeatures, inFeatures, layout);
    }
}
