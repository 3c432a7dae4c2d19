using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradients of a decoder's parameters; Batch counts millions of them.</summary>
public class SquaredNormBenchmark : OperationBenchmark
{
    [Params(2, 25)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(1.0 * Batch * 1_000_000);

    protected override Action Prepare()
    {
        Tensor result = Empty(1), x = Filled(Batch * 1_000_000);
        return () => Backend.SquaredNorm.Forward(result, x);
    }
}
