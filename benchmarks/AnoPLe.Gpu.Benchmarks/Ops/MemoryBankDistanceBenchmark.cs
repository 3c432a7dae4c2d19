using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Patch features against the patches of four normal images.</summary>
public class MemoryBankDistanceBenchmark : OperationBenchmark
{
    public override Work Work => new(2.0 * Batch * Grid * Grid * C * 4 * Grid * Grid, "FLOP");

    protected override Action Prepare()
    {
        const int Rows = 4 * Grid * Grid;
        Tensor distance = Empty(Batch, Grid * Grid), features = Filled(Batch, Grid * Grid, C);
        var bank = Own(Backend.Linear.Pack("bank", Random(Rows * C), [], Rows, C, exact: true));
        return () => Backend.MemoryBankDistance.Forward(distance, features, bank);
    }
}
