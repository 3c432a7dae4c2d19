using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The prompts' gradient from a decoder grid of 60 x 60 positions, at the samples of a training step.</summary>
public class CosineLogitsBackwardTextBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(1.0 * Batch * 3600 * 640);

    protected override Action Prepare()
    {
        Tensor dtext = Empty(2, 640), dlogits = Filled(Batch, 3600), x = Filled(Batch, 3600, 640), classes = Own(Backend.Upload("classes", new(Batch), new int[Batch]));
        return () => Backend.CosineLogits.BackwardText(dtext, dlogits, x, classes, 14.3f);
    }
}
