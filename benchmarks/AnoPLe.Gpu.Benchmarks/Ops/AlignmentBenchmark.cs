using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>A decoder grid of 60 x 60 positions is pooled and compared, at the samples of a training step.</summary>
public class AlignmentBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(1.0 * Batch * 3600 * 640);

    protected override Action Prepare()
    {
        Tensor loss = Empty(Batch), pooled = Empty(Batch, 640), mass = Empty(Batch), z0 = Filled(Batch, 640), features = Filled(Batch, 3600, 640);
        Tensor logits = Filled(Batch, 3600), weights = Filled(Batch);
        return () => Backend.Alignment.Forward(loss, pooled, mass, z0, features, logits, weights, 1e-6f);
    }
}
