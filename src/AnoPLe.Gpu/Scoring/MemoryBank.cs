using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// Unit patch tokens of the normal images, by memory layer, on the host and packed on the device.
/// Source: PatchCore, arXiv 2106.08265, without its subsampling: a few shots need none.
/// </summary>
internal sealed class MemoryBank : IDisposable
{
    private readonly List<PackedLinear> packed = [];

    /// <summary>Packs rows that are already unit vectors.</summary>
    /// <param name="backend">Where the look-ups run.</param>
    /// <param name="k">Class, for names.</param>
    /// <param name="layers">1-based blocks, ascending.</param>
    /// <param name="rows">For every layer, M rows of <paramref name="width"/> values.</param>
    /// <param name="width">Width of the vision tower.</param>
    public MemoryBank(Backend backend, int k, IReadOnlyList<int> layers, IReadOnlyList<float[]> rows, int width)
    {
        Layers = layers;
        Rows = rows;
        Width = width;
        try
        {
            for (int l = 0; l < layers.Count; l++)
                packed.Add(backend.Linear.Pack($"bank.{k}.{layers[l]}", rows[l], [], rows[l].Length / width, width, exact: true));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>1-based blocks, ascending.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>For every layer its unit rows, one after the other.</summary>
    public IReadOnlyList<float[]> Rows { get; }

    /// <summary>Length of a row.</summary>
    public int Width { get; }

    /// <summary>distance = mean over the layers of min over the bank of (1 - cos) / 2, for every row of the layers' unit features.</summary>
    /// <param name="distance">One value per feature row.</param>
    /// <param name="features">For every layer, unit rows.</param>
    public void Distance(Tensor distance, IReadOnlyList<Tensor> features)
    {
        for (int l = 0; l < packed.Count; l++)
            packed[l].Backend.MemoryBankDistance.Forward(distance, features[l], packed[l], 1f / packed.Count, accumulate: l > 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in packed)
            layer.Dispose();
        packed.Clear();
    }
}
