using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Loss and gradient of maps of 240 x 240, at the samples of a training step; a gamma that is not 2 takes a second exponential.</summary>
public class FocalBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    [Params(2f, 1.5f)]
    public float Gamma { get; set; }

    public override Work Work => Traffic((2.0 + 4) * Batch * 240 * 240);

    protected override Action Prepare()
    {
        Tensor loss = Empty(Batch), logits = Filled(Batch, 240, 240), masks = Filled(Batch, 240, 240), dlogits = Empty(Batch, 240, 240);
        return () =>
        {
            Backend.Focal.Forward(loss, logits, masks, Gamma);
            Backend.Focal.BackwardInput(dlogits, logits, masks, Gamma, 1e-9f);
        };
    }
}
