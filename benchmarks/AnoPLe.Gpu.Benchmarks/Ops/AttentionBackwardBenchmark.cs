using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>
/// The backward pass of one block at a training step's batch. The five products of the formulas count, not that kernels without atomics
/// compute scores and dA twice.
/// </summary>
public class AttentionBackwardBenchmark : MatrixBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    public override Work Work => new(10.0 * Batch * T * T * C, "FLOP");

    protected override Action Prepare()
    {
        Tensor dqkv = Empty(Batch, T, 3 * C), dy = Filled(Batch, T, C), qkv = Filled(Batch, T, 3 * C), y = Empty(Batch, T, C);
        var logSumExp = Empty(Batch, H, T);
        Backend.Attention.Forward(y, qkv, H, causal: false, logSumExp);
        return () => Backend.Attention.BackwardInput(dqkv, dy, qkv, y, logSumExp, H);
    }
}
