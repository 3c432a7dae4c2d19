using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The tokens of a step copied, then set to zero.</summary>
public class CopyAndClearBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(3.0 * Batch * T * C);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, T, C), x = Filled(Batch, T, C);
        return () =>
        {
            Backend.Copy(y, x);
            Backend.Clear(y);
        };
    }
}
