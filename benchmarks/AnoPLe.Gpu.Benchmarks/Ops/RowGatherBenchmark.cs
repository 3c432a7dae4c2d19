using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The 225 patch rows of every sequence.</summary>
public class RowGatherBenchmark : OperationBenchmark
{
    public override Work Work => Traffic(2.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        int[] rows = [.. Enumerable.Range(0, Batch).SelectMany(b => Enumerable.Range(b * T + 1, Grid * Grid))];
        Tensor y = Empty(rows.Length, C), x = Filled(Batch, T, C), indices = Own(Backend.Upload("rows", new(rows.Length), rows));
        return () => Backend.RowGather.Forward(y, x, indices);
    }
}
