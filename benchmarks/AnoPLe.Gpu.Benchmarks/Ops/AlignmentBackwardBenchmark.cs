using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradients of image features and of a decoder grid of 60 x 60 positions, at the samples of a training step.</summary>
public class AlignmentBackwardBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(3.0 * Batch * 3600 * 640);

    protected override Action Prepare()
    {
        Tensor dz0 = Empty(Batch, 640), dfeatures = Empty(Batch, 3600, 640), dlogits = Empty(Batch, 3600), z0 = Filled(Batch, 640), features = Filled(Batch, 3600, 640);
        Tensor logits = Filled(Batch, 3600), weights = Filled(Batch), pooled = Empty(Batch, 640), mass = Empty(Batch), loss = Empty(Batch);
        Backend.Alignment.Forward(loss, pooled, mass, z0, features, logits, weights, 1e-6f);
        return () => Backend.Alignment.BackwardInput(dz0, dfeatures, dlogits, z0, features, logits, weights, pooled, mass, 1);
    }
}
