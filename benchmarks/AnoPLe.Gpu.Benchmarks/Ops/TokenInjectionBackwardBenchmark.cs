using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Four prompt tokens of five views, at the last rows of every sequence.</summary>
public class TokenInjectionBackwardBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(2.0 * Batch * 4 * C);

    protected override Action Prepare()
    {
        Tensor dtokens = Empty(5, 4, C), dx = Filled(Batch, T, C);
        return () => Backend.TokenInjection.BackwardTokens(dtokens, dx, 226);
    }
}
