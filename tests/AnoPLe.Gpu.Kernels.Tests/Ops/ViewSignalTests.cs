using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class ViewSignalTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference(string backend)
    {
        foreach (var (V, B, P, C) in new[] { (1, 1, 1, 1), (2, 1, 3, 5), (3, 2, 1, 16), (5, 2, 9, 17), (1, 4, 33, 63), (2, 3, 131, 65), (3, 1, 300, 8) })
            Verify(backend, V, B, P, C);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, 5, 3, 225, 896);
        Verify(backend, 1, 15, 3600, 33);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        using var bench = new Workbench(backend);
        var shape = new Shape(4, 3, 37);
        float[] x = Numbers.Uniform(3, shape.Count);
        Tensor signal = bench.Input("signal", new(2, 37), Numbers.Uniform(4, 74)), y = bench.Output("y", 4, 3, 37), both = bench.InOut("both", shape, x);
        bench.Backend.ViewSignal.Forward(y, bench.Input("x", shape, x), signal);
        bench.Backend.ViewSignal.Forward(both, both, signal);
        Close.VerifySame("in place", bench.Read(both), bench.Read(y));
    }

    [Fact]
    public void Reference_gradient_is_the_numeric_one()
    {
        const int V = 2, B = 3, P = 4, C = 3;
        double[] x = Numbers.As<double>(Numbers.Uniform(1, V * B * P * C)), dy = Numbers.As<double>(Numbers.Uniform(2, x.Length));
        double[] numeric = NumericGradient.Of(s => ViewSignalReference.Forward(x, s, P, V), Numbers.As<double>(Numbers.Uniform(3, V * C)), dy);
        Assert.Equal(numeric, ViewSignalReference.BackwardParameters(dy, P, V, C), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var operation = backend.ViewSignal;
        Tensor x = backend.Floats(6, 4, 8), y = backend.Floats(6, 4, 8), signal = backend.Floats(3, 8);
        Refused.With(() => operation.Forward(y, backend.Floats(24, 8), signal), "x", "[24, 8]", "3 axes");
        Refused.With(() => operation.Forward(y, x, backend.Floats(8)), "signal", "[8]", "2 axes");
        Refused.With(() => operation.Forward(y, x, backend.Floats(3, 7)), "signal", "[3, 7]", "8");
        Refused.With(() => operation.Forward(y, x, backend.Floats(4, 8)), "signal", "[4, 8]", "divisor of 6");
        Refused.With(() => operation.Forward(backend.Floats(6, 8, 4), x, signal), "y", "[6, 8, 4]", "[6, 4, 8]");
        Refused.With(() => operation.Forward(y, x, other.Floats(3, 8)), "signal", "another");
        Refused.With(() => operation.BackwardParameters(backend.Floats(4, 8), y), "signal", "[4, 8]", "divisor of 6");
        Refused.With(() => operation.BackwardParameters(signal, backend.Integers(6, 4, 8)), "x", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        operation.Forward(x, x, signal);
        operation.BackwardParameters(signal, y);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, int V, int B, int P, int C)
    {
        var shape = new Shape(B * V, P, C);
        float[] x = Numbers.Uniform(C, shape.Count), signal = Numbers.Uniform(C + 1, V * C), dy = Numbers.Uniform(C + 2, shape.Count), before = Numbers.Uniform(C + 3, V * C);
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            string label = $"{backend} {V} views of {shape}, offset {offset}";
            Tensor y = bench.Output("y", B * V, P, C), dsignal = bench.InOut("dsignal", new(V, C), before);
            bench.Backend.ViewSignal.Forward(y, bench.Input("x", shape, x), bench.Input("signal", new(V, C), signal));
            bench.Backend.ViewSignal.BackwardParameters(dsignal, bench.Input("dy", shape, dy));
            Close.VerifySame(label, bench.Read(y), ViewSignalReference.Forward(x, signal, P, V));
            Close.Verify(label + " backward", bench.Read(dsignal), Sum.Of(Numbers.As<double>(before), ViewSignalReference.BackwardParameters(Numbers.As<double>(dy), P, V, C)),
                Sum.Of(before, ViewSignalReference.BackwardParameters(dy, P, V, C)));
        }
    }
}
