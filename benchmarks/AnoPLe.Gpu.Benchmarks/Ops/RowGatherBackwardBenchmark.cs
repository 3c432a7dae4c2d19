using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradient of 225 patch rows goes back into every sequence.</summary>
public class RowGatherBackwardBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(3.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        int[] rows = [.. Enumerable.Range(0, Batch).SelectMany(b => Enumerable.Range(b * T + 1, Grid * Grid))];
        Tensor dx = Empty(Batch, T, C), dy = Filled(rows.Length, C), indices = Own(Backend.Upload("rows", new(rows.Length), rows));
        return () => Backend.RowGather.BackwardInput(dx, dy, indices);
    }
}
