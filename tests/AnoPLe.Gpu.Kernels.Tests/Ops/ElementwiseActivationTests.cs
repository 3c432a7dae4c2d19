using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class ElementwiseActivationTests
{
    private static readonly Activation[] Both = [Activation.Gelu, Activation.QuickGelu];

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference(string backend)
    {
        foreach (int count in new[] { 1, 2, 15, 16, 17, 63, 64, 65, 255, 257, 1023, 2049 })
            foreach (float scale in new[] { 1f, 9f })
                Verify(backend, new(count), scale);
        Verify(backend, new(3, 5, 7), 4);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference_at_model_sizes(string backend) => Verify(backend, new(230, 3584), 4);

    /// <summary>A derivative of an infinite argument must not become inf times 0.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Extreme_arguments_have_a_slope_of_0_or_1(string backend)
    {
        float[] x = [float.NegativeInfinity, -1e30f, -100, -30, 30, 100, 1e30f, float.PositiveInfinity, 0, -0f, 1e-38f, -1e-38f];
        float[] expected = [0, 0, 0, 0, 1, 1, 1, 1, 0.5f, 0.5f, 0.5f, 0.5f];
        foreach (var activation in Both)
        {
            using var bench = new Workbench(backend);
            Tensor dx = bench.Output("dx", x.Length), dy = bench.Input("dy", new(x.Length), [.. x.Select(_ => 1f)]);
            bench.Backend.ElementwiseActivation.BackwardInput(dx, dy, bench.Input("x", new(x.Length), x), activation);
            float[] actual = bench.Read(dx);
            Assert.Equal(expected, actual, (e, a) => Math.Abs(e - a) < 1e-7);
        }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        const int count = 77;
        float[] x = Numbers.Uniform(1, count, 3), dy = Numbers.Uniform(2, count);
        foreach (var activation in Both)
        {
            using var bench = new Workbench(backend, Workbench.Odd);
            var operation = bench.Backend.ElementwiseActivation;
            Tensor input = bench.Input("x", new(count), x), y = bench.Output("y", count), both = bench.InOut("both", new(count), x);
            operation.Forward(y, input, activation);
            operation.Forward(both, both, activation);
            Close.VerifySame("forward in place", bench.Read(both), bench.Read(y));
            Tensor dx = bench.Output("dx", count), dboth = bench.InOut("dboth", new(count), dy);
            operation.BackwardInput(dx, bench.Input("dy", new(count), dy), input, activation);
            operation.BackwardInput(dboth, dboth, input, activation);
            Close.VerifySame("backward in place", bench.Read(dboth), bench.Read(dx));
        }
    }

    [Theory, InlineData(Activation.Gelu), InlineData(Activation.QuickGelu)]
    public void Reference_gradient_is_the_numeric_one(Activation activation)
    {
        double[] x = [0, .. Numbers.As<double>(Numbers.Uniform(1, 40, 7))], dy = Numbers.As<double>(Numbers.Uniform(2, x.Length));
        double[] numeric = NumericGradient.Of(v => ElementwiseActivationReference.Forward(v, activation), x, dy);
        Assert.Equal(numeric, ElementwiseActivationReference.BackwardInput(dy, x, activation), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var operation = backend.ElementwiseActivation;
        Tensor x = backend.Floats(2, 3), y = backend.Floats(2, 3);
        Refused.With(() => operation.Forward(backend.Floats(6), x, Activation.Gelu), "y", "[6]", "[2, 3]");
        Refused.With(() => operation.Forward(y, x, Activation.None), "Gelu or QuickGelu", "None");
        Refused.With(() => operation.Forward(y, backend.Integers(2, 3), Activation.Gelu), "x", "I32", "F32");
        Refused.With(() => operation.Forward(y, other.Floats(2, 3), Activation.Gelu), "x", "another");
        Refused.With(() => operation.BackwardInput(backend.Floats(3, 2), y, x, Activation.Gelu), "dx", "[3, 2]", "[2, 3]");
        Refused.With(() => operation.BackwardInput(y, backend.Floats(3, 2), x, Activation.Gelu), "dy", "[3, 2]", "[2, 3]");
        Refused.With(() => operation.BackwardInput(y, y, x, Activation.None), "Gelu or QuickGelu", "None");
        Assert.Equal(0, backend.Calls);
        operation.Forward(x, x, Activation.QuickGelu);
        operation.BackwardInput(y, y, x, Activation.Gelu);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, Shape shape, float scale)
    {
        float[] x = Numbers.Uniform(shape.Count, shape.Count, scale), dy = Numbers.Uniform(shape.Count + 1, shape.Count);
        double[] exactX = Numbers.As<double>(x), exactDy = Numbers.As<double>(dy);
        foreach (var activation in Both)
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
            {
                using var bench = new Workbench(backend, offset);
                string label = $"{backend} {activation} of {shape} up to {scale}, offset {offset}";
                int[] sizes = [.. Enumerable.Range(0, shape.Rank).Select(axis => shape[axis])];
                Tensor y = bench.Output("y", sizes), dx = bench.Output("dx", sizes), input = bench.Input("x", shape, x);
                bench.Backend.ElementwiseActivation.Forward(y, input, activation);
                bench.Backend.ElementwiseActivation.BackwardInput(dx, bench.Input("dy", shape, dy), input, activation);
                Close.Verify(label, bench.Read(y), ElementwiseActivationReference.Forward(exactX, activation),
                    ElementwiseActivationReference.Forward(x, activation), Math.Max(1, scale));
                Close.Verify(label + " backward", bench.Read(dx), ElementwiseActivationReference.BackwardInput(exactDy, exactX, activation),
                    ElementwiseActivationReference.BackwardInput(dy, x, activation), 1);
            }
    }
}
