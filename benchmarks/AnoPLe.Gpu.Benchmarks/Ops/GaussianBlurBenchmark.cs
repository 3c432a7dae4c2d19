using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>A map of 240 x 240 with sigma 4: 33 taps along rows, then along columns.</summary>
public class GaussianBlurBenchmark : OperationBenchmark
{
    public override Work Work => new(2.0 * 2 * 33 * Batch * 240 * 240, "FLOP");

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, 240, 240), x = Filled(Batch, 240, 240), scratch = Empty(Batch, 240, 240);
        return () => Backend.GaussianBlur.Forward(y, x, scratch, sigma: 4);
    }
}
