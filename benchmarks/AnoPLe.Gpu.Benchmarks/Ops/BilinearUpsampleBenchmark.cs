using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>A map of 15 x 15 to 240 x 240.</summary>
public class BilinearUpsampleBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(1.0 * Batch * (240 * 240 + Grid * Grid));

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, 240, 240), x = Filled(Batch, Grid, Grid);
        return () => Backend.BilinearUpsample.Forward(y, x);
    }
}
