using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Weights;

/// <summary>Seeded random weights that are computed when asked for.</summary>
internal sealed class RandomClipWeights(ClipConfig config, ulong seed) : ClipWeights($"random weights, seed {seed}", config, [])
{
    private protected override ReadOnlySpan<float> FloatsCore(ClipTensor tensor)
    {
        float[] values = GC.AllocateUninitializedArray<float>(tensor.Shape.Count);
        ClipWeightsInit.Fill(Config, seed, tensor.Name, 0, values);
        return values;
    }

    private protected override FloatWindow OpenWindowCore(ClipTensor tensor) => FloatWindow.Of(FloatsCore(tensor));

    private protected override void ScanCore(ClipTensor tensor, Action<ReadOnlySpan<float>> piece) => piece(FloatsCore(tensor));

    private protected override void TokenEmbeddingRowCore(int id, Span<float> destination) =>
        ClipWeightsInit.FillPart(Config, seed, ClipTensors.TokenEmbedding, (long)id * destination.Length, destination);

    protected override void Dispose(bool disposing)
    {
    }
}
