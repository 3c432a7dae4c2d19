using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Every token of a block.</summary>
public class LayerNormBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(2.0 * Batch * T * C);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, T, C), x = Filled(Batch, T, C), weight = Filled(C), bias = Filled(C);
        return () => Backend.LayerNorm.Forward(y, x, weight, bias);
    }
}
