using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradient of a decoder grid of 60 x 60 positions, at the samples of a training step.</summary>
public class CosineLogitsBackwardBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(3.0 * Batch * 3600 * 640);

    protected override Action Prepare()
    {
        Tensor dx = Empty(Batch, 3600, 640), dlogits = Filled(Batch, 3600), x = Filled(Batch, 3600, 640), text = Filled(2, 640);
        var classes = Own(Backend.Upload("classes", new(Batch), new int[Batch]));
        return () => Backend.CosineLogits.BackwardInput(dx, dlogits, x, text, classes, 14.3f);
    }
}
