using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradient of every token of a block at a training step's batch: three tensors are read, one of them is written.</summary>
public class LayerNormBackwardBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(4.0 * Batch * T * C);

    protected override Action Prepare()
    {
        Tensor dx = Filled(Batch, T, C), dy = Filled(Batch, T, C), x = Filled(Batch, T, C), weight = Filled(C), mean = Filled(Batch * T), rstd = Filled(Batch * T);
        return () => Backend.LayerNorm.BackwardInput(dx, dy, x, weight, mean, rstd);
    }
}

/// <summary>The parameters' gradients of the decoder's norms, before and after the second doubling of its grid: 256 wide, 15 samples.</summary>
public class LayerNormParametersBenchmark : OperationBenchmark
{
    private const int Hidden = 256;

    [Params(15)]
    public override int Batch { get; set; }

    [Params(30, 60)]
    public int Side { get; set; } = 30;

    public override Work Work => Traffic(2.0 * Batch * Side * Side * Hidden);

    protected override Action Prepare()
    {
        int rows = Batch * Side * Side;
        Tensor dweight = Filled(Hidden), dbias = Filled(Hidden), dy = Filled(rows, Hidden), x = Filled(rows, Hidden), mean = Filled(rows), rstd = Filled(rows);
        return () => Backend.LayerNorm.BackwardParameters(dweight, dbias, dy, x, mean, rstd);
    }
}
