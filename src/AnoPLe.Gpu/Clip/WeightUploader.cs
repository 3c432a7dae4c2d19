using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>Moves frozen weights from a file to a backend by their canonical names. Shapes were checked when the file was opened.</summary>
internal sealed class WeightUploader(ClipWeights weights, Backend backend)
{
    /// <summary>Where the weights go.</summary>
    public Backend Backend { get; } = backend;

    /// <summary>A vector of any length: biases, norms, embeddings of one token.</summary>
    public Tensor Vector(string name)
    {
        var values = weights.Floats(name);
        return Backend.Upload(name, new(values.Length), values);
    }

    /// <summary>A matrix kept as it is: positional embeddings.</summary>
    public Tensor Matrix(string name, int rows, int columns) => Backend.Upload(name, new(rows, columns), weights.Floats(name));

    /// <summary>Weight and bias of a layer norm.</summary>
    public (Tensor Weight, Tensor Bias) Norm(string prefix) => (Vector(ClipTensors.Weight(prefix)), Vector(ClipTensors.Bias(prefix)));

    /// <summary>A packed layer whose weight and bias are named PREFIX.weight and PREFIX.bias.</summary>
    public PackedLinear Linear(string prefix, int outFeatures, int inFeatures) =>
        Linear(ClipTensors.Weight(prefix), ClipTensors.Bias(prefix), outFeatures, inFeatures);

    /// <summary>A packed layer; no bias when <paramref name="bias"/> is null.</summary>
    public PackedLinear Linear(string name, string? bias, int outFeatures, int inFeatures, WeightLayout layout = WeightLayout.OutIn) =>
        Backend.Linear.Pack(name, weights.Floats(name), bias is null ? [] : weights.Floats(bias), outFeatures, inFeatures, layout);

    /// <summary>The transposed copy of a layer, for its input gradient.</summary>
    public PackedLinear Transposed(string name, int outFeatures, int inFeatures, WeightLayout layout = WeightLayout.OutIn) =>
        Backend.Linear.PackTransposed(name + "^T", weights.Floats(name), outFeatures, inFeatures, layout);
}
