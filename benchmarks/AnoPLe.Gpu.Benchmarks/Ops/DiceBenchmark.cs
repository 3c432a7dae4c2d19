using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Loss and gradient of maps of 240 x 240, at the samples of a training step.</summary>
public class DiceBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic((2.0 + 4) * Batch * 240 * 240);

    protected override Action Prepare()
    {
        Tensor loss = Empty(Batch), sums = Empty(Batch, 2), logits = Filled(Batch, 240, 240), masks = Filled(Batch, 240, 240), dlogits = Empty(Batch, 240, 240);
        return () =>
        {
            Backend.Dice.Forward(loss, sums, logits, masks, 1);
            Backend.Dice.BackwardInput(dlogits, logits, masks, sums, 1, 1e-9f);
        };
    }
}
