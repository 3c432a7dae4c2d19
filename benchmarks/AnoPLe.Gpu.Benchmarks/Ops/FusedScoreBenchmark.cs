using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Maps of 240 x 240.</summary>
public class FusedScoreBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(3.0 * Batch * 240 * 240);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, 240, 240), logits = Filled(Batch, 240, 240), memory = Filled(Batch, 240, 240);
        return () => Backend.FusedScore.Forward(y, logits, memory, 1e-8f);
    }
}
