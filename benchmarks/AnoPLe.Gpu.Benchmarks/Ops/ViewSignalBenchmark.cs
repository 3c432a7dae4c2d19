using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The decoder's input: 15 samples of 5 views.</summary>
public class ViewSignalBenchmark : OperationBenchmark
{
    internal const int Views = 5;

    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(2.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, Grid * Grid, C), x = Filled(Batch, Grid * Grid, C), signal = Filled(Views, C);
        return () => Backend.ViewSignal.Forward(y, x, signal);
    }
}

/// <summary>The signal's gradient.</summary>
public class ViewSignalBackwardBenchmark : OperationBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    public override Work Work => Traffic(1.0 * Batch * Grid * Grid * C);

    protected override Action Prepare()
    {
        Tensor dsignal = Filled(ViewSignalBenchmark.Views, C), dy = Filled(Batch, Grid * Grid, C);
        return () => Backend.ViewSignal.BackwardParameters(dsignal, dy);
    }
}
