using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>One block, not masked: scores and mixing count, softmax does not.</summary>
public class AttentionBenchmark : MatrixBenchmark
{
    public override Work Work => new(4.0 * Batch * T * T * C, "FLOP");

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, T, C), qkv = Filled(Batch, T, 3 * C);
        return () => Backend.Attention.Forward(y, qkv, H);
    }
}
