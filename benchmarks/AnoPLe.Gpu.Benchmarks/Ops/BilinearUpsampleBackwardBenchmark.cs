using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradient of a map of 240 x 240 back to the decoder's 60 x 60, at the samples of a training step.</summary>
public class BilinearUpsampleBackwardBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(1.0 * Batch * (240 * 240 + 2 * 60 * 60));

    protected override Action Prepare()
    {
        Tensor dx = Empty(Batch, 60, 60), dy = Filled(Batch, 240, 240);
        return () => Backend.BilinearUpsample.BackwardInput(dx, dy);
    }
}
