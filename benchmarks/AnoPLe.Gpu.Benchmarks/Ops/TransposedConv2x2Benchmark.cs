using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The decoder's second doubling of the grid, 30 x 30 to 60 x 60 with 256 channels, at the samples of a training step.</summary>
public class TransposedConv2x2Benchmark : OperationBenchmark
{
    private const int Side = 2 * Grid, Hidden = 256;

    [Params(15)]
    public override int Batch { get; set; }

    [Params("forward", "backward")]
    public string Pass { get; set; } = "forward";

    public override Work Work => new((Pass == "forward" ? 2.0 : 4.0) * Batch * Side * Side * Hidden * 4 * Hidden, "FLOP");

    protected override Action Prepare()
    {
        var op = Backend.TransposedConv2x2;
        float[] values = Random(Hidden * 4 * Hidden);
        Tensor x = Filled(Batch, Side, Side, Hidden), cells = Empty(Batch, Side, Side, 4 * Hidden), y = Filled(Batch, 2 * Side, 2 * Side, Hidden), bias = Filled(Hidden);
        if (Pass == "forward")
        {
            var weight = Own(Backend.Linear.Pack("up2", values, [], 4 * Hidden, Hidden, WeightLayout.InOut));
            return () => op.Forward(y, cells, x, weight, bias);
        }
        var transposed = Own(Backend.Linear.PackTransposed("up2^T", values, 4 * Hidden, Hidden, WeightLayout.InOut));
        Tensor dx = Empty(Batch, Side, Side, Hidden), dweight = Filled(Hidden, Hidden, 2, 2), dbias = Filled(Hidden);
        return () =>
        {
            op.GatherCells(cells, y);
            op.BackwardInput(dx, cells, transposed);
            op.BackwardParameters(dweight, dbias, cells, y, x);
        };
    }
}
