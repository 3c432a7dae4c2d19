using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>240 x 240 pixels to 225 tokens of 896.</summary>
public class PatchEmbeddingBenchmark : OperationBenchmark
{
    public override Work Work => new(2.0 * Batch * Grid * Grid * C * 3 * 16 * 16, "FLOP");

    protected override Action Prepare()
    {
        var weight = Own(Backend.Linear.Pack("conv1", Random(C * 768), [], C, 768));
        Tensor x = Empty(Batch, T, C), images = Filled(Batch, 3, 240, 240), cls = Filled(C), positions = Filled(226, C);
        return () => Backend.PatchEmbedding.Forward(x, images, weight, cls, positions, 16);
    }
}
