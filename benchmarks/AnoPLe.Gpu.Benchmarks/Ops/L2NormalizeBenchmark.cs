using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Patch rows before the memory bank.</summary>
public class L2NormalizeBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(2.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, Grid * Grid, C), x = Filled(Batch, Grid * Grid, C);
        return () => Backend.L2Normalize.Forward(y, x);
    }
}
