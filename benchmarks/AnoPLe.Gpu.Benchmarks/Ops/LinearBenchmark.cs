using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The four linear layers of a block: q, k and v; output with residual; MLP up with GELU; MLP down with residual.</summary>
public class LinearBenchmark : MatrixBenchmark
{
    [Params("qkv", "out", "fc", "proj")]
    public string Layer { get; set; } = "qkv";

    public override Work Work => new(2.0 * Batch * T * In * Out, "FLOP");

    private int In => Layer == "proj" ? 4 * C : C;

    private int Out => Layer switch { "qkv" => 3 * C, "fc" => 4 * C, _ => C };

    protected override Action Prepare()
    {
        var weight = Own(Backend.Linear.Pack(Layer, Random(In * Out), Random(Out), Out, In));
        Tensor y = Filled(Batch, T, Out), x = Filled(Batch, T, In);
        bool residual = Layer is "out" or "proj";
        var activation = Layer == "fc" ? Activation.Gelu : Activation.None;
        return () => Backend.Linear.Forward(y, x, weight, activation, residual);
    }
}
