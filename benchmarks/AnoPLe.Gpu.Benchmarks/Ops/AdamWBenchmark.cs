using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>A step of a decoder's parameters, and of so many that every other operation's do not count. Four tensors are read, three written.</summary>
public class AdamWBenchmark : OperationBenchmark
{
    [Params(2, 25)]
    public override int Batch { get; set; }

    /// <summary>Batch counts millions of parameters.</summary>
    public override Work Work => Traffic(7.0 * Batch * 1_000_000);

    protected override Action Prepare()
    {
        int count = Batch * 1_000_000;
        Tensor parameters = Filled(count), first = Empty(count), second = Empty(count), gradients = Filled(count);
        Backend.Clear(first);
        Backend.Clear(second);
        return () => Backend.AdamW.Update(parameters, first, second, gradients, new AdamWStep(1e-4, 1e-2, 0.9, 0.999, 1e-8, 10));
    }
}
