namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Cosine distance to the nearest memory: distance_i (+)= scale * min over k of (1 - f_i . bank_k) / 2.</summary>
/// <remarks>
/// features: (..., C), unit rows; bank: M unit rows of C packed by <see cref="Linear.Pack"/>, exact and without bias; distance: one value per row.
/// The product is fused with its reduction: the rows x M matrix is never stored. With accumulate, the mean over L memory layers is
/// L calls with scale = 1/L. No backward: the bank is used after training only. Source: PatchCore, arXiv 2106.08265; (1 - cos)/2 as PromptAD.
/// </remarks>
public abstract class MemoryBankDistance(Backend backend) : Operation(backend)
{
    /// <summary>Looks every feature row up in the bank.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or the bank has a bias or is not exact.</exception>
    public void Forward(Tensor distance, Tensor features, PackedLinear bank, float scale = 1, bool accumulate = false)
    {
        Require.Floats(Backend, features);
        Require.Floats(Backend, distance);
        Linear.CheckWeight(Backend, bank);
        Require.That(features.Width == bank.InFeatures && !bank.HasBias,
            $"The bank '{bank.Name}' holds rows of {bank.InFeatures}{(bank.HasBias ? " with a bias" : "")}, features ('{features.Name}') have {features.Width}.");
        Require.That(bank.Precision == MatrixPrecision.Fp32, $"The bank '{bank.Name}' was rounded to {bank.Precision}, expected fp32. Pack it with exact: true.");
        Require.That(distance.Count == features.Rows, $"distance ('{distance.Name}') {distance.Shape} holds {distance.Count} values, expected {features.Rows}.");
        ForwardCore(distance, features, bank, scale, accumulate);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor distance, Tensor features, PackedLinear bank, float scale, bool accumulate);
}
