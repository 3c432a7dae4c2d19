using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Four prompt tokens over the last rows of every sequence.</summary>
public class TokenInjectionBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(2.0 * Batch * 4 * C);

    protected override Action Prepare()
    {
        Tensor x = Filled(Batch, T, C), tokens = Filled(4, C);
        return () => Backend.TokenInjection.Forward(x, tokens, 226);
    }
}
