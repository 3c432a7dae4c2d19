using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Loss and gradient of one logit per sample of a training step: what is measured is a call.</summary>
public class CrossEntropyBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic((4.0 + 5) * Batch);

    protected override Action Prepare()
    {
        Tensor loss = Empty(Batch), logits = Filled(Batch), labels = Filled(Batch), weights = Filled(Batch), dlogits = Empty(Batch);
        return () =>
        {
            Backend.CrossEntropy.Forward(loss, logits, labels, weights);
            Backend.CrossEntropy.BackwardInput(dlogits, logits, labels, weights, 1e-9f);
        };
    }
}
