using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradient of patch rows, at the batch of a training step.</summary>
public class L2NormalizeBackwardBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(4.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        Tensor dx = Empty(Batch, Grid * Grid, C), dy = Filled(Batch, Grid * Grid, C), x = Filled(Batch, Grid * Grid, C);
        return () => Backend.L2Normalize.BackwardInput(dx, dy, x);
    }
}
