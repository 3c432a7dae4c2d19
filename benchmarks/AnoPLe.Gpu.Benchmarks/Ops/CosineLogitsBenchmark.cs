using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>A decoder grid of 60 x 60 positions against two prompts in the joint space of 640.</summary>
public class CosineLogitsBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(1.0 * Batch * 3600 * 640);

    protected override Action Prepare()
    {
        Tensor logits = Empty(Batch, 3600), x = Filled(Batch, 3600, 640), text = Filled(2, 640), classes = Own(Backend.Upload("classes", new(Batch), new int[Batch]));
        return () => Backend.CosineLogits.Forward(logits, x, text, classes, 100);
    }
}
