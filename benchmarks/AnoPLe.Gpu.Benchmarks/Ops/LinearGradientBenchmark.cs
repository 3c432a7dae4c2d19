using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The gradient of a weight: the decoder's last layer over all positions of a training step, and a coupling over its four tokens.</summary>
public class LinearGradientBenchmark : MatrixBenchmark
{
    [Params(15)]
    public override int Batch { get; set; }

    [Params("decoder.out", "coupling")]
    public string Layer { get; set; } = "decoder.out";

    public override Work Work => new(2.0 * Rows * Out * In, "FLOP");

    private int Rows => Layer == "coupling" ? 4 : Batch * 3600;

    private int Out => Layer == "coupling" ? C : 640;

    private int In => Layer == "coupling" ? 640 : 256;

    protected override Action Prepare()
    {
        Tensor dweight = Filled(Out, In), dbias = Filled(Out), dy = Filled(Rows, Out), x = Filled(Rows, In);
        return () =>
        {
            Backend.Linear.BackwardParameters(dweight, dy, x);
            Backend.Linear.BackwardBias(dbias, dy);
        };
    }
}
