using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>The hidden layer of a block at a training step's batch.</summary>
public class ElementwiseActivationBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    [Params(Activation.Gelu, Activation.QuickGelu)]
    public Activation Function { get; set; } = Activation.Gelu;

    public override Work Work => Traffic(2.0 * Batch * T * 4 * C);

    protected override Action Prepare()
    {
        Tensor y = Empty(Batch, T, 4 * C), x = Filled(Batch, T, 4 * C);
        return () => Backend.ElementwiseActivation.Forward(y, x, Function);
    }
}

/// <summary>Its gradient, in place as in a training step.</summary>
public class ElementwiseActivationBackwardBenchmark : OperationBenchmark
{
    [Params(10)]
    public override int Batch { get; set; }

    [Params(Activation.Gelu, Activation.QuickGelu)]
    public Activation Function { get; set; } = Activation.Gelu;

    public override Work Work => Traffic(3.0 * Batch * T * 4 * C);

    protected override Action Prepare()
    {
        // Slopes of these arguments are near 1, so that calls over and over leave gradients in the range of floats.
        Tensor dx = Filled(Batch, T, 4 * C), x = Own(Backend.Upload("x", new(Batch, T, 4 * C), [.. Random(Batch * T * 4 * C).Select(v => 20 + v)]));
        return () => Backend.ElementwiseActivation.BackwardInput(dx, dx, x, Function);
    }
}
