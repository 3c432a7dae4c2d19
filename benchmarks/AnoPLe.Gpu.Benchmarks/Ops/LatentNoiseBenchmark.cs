using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The patch tokens of the latent group.</summary>
public class LatentNoiseBenchmark : OperationBenchmark
{
    [Params(5)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(3.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, Grid * Grid, C), x = Filled(Batch, Grid * Grid, C), noise = Filled(Batch, Grid * Grid, C), mask = Filled(Batch, Grid * Grid);
        return () => Backend.LatentNoise.Forward(y, x, noise, mask, 0.1f);
    }
}

/// <summary>Gradients of the noisy copy onto those of its source.</summary>
public class LatentNoiseBackwardBenchmark : OperationBenchmark
{
    [Params(5)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(3.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        // Zeros, so that calls over and over stay in the range of floats.
        Tensor dx = Filled(Batch, Grid * Grid, C), dy = Empty(Batch, Grid * Grid, C);
        Backend.Clear(dy);
        return () => Backend.LatentNoise.BackwardInput(dx, dy);
    }
}
