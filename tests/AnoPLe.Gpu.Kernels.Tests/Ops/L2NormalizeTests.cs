using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class L2NormalizeTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var (rows, width) in new[] { (1, 1), (3, 2), (2, 7), (5, 16), (3, 33), (1, 65), (4, 129) })
            Verify(backend, rows, width, Numbers.Uniform(width, rows * width, 3));
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        foreach (var (rows, width) in new[] { (900, 640), (1025, 257), (2, 5003) })
            Verify(backend, rows, width, Numbers.Uniform(width, rows * width, 3));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_zero_row_stays_zero_and_tiny_rows_are_damped(string backend)
    {
        const int C = 24;
        float[] x = [.. new float[C], .. Numbers.Uniform(1, C, 1e-6f), .. Numbers.Uniform(2, C, 1e-12f), .. Numbers.Uniform(3, C, 1e6f)];
        using var bench = new Workbench(backend);
        var y = bench.Output("y", 4, C);
        bench.Backend.L2Normalize.Forward(y, bench.Input("x", new(4, C), x));
        float[] actual = bench.Read(y);
        Assert.All(actual[..C], v => Assert.Equal(0f, v));
        var exact = L2NormalizeReference.Forward(Numbers.As<double>(x), C);
        var naive = L2NormalizeReference.Forward(x, C);
        for (int row = 1; row < 4; row++)
            Close.Verify($"{backend} row {row}", actual[(row * C)..((row + 1) * C)], exact[(row * C)..((row + 1) * C)], naive[(row * C)..((row + 1) * C)]);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        float[] x = Numbers.Uniform(4, 3 * 35);
        using var bench = new Workbench(backend);
        Tensor y = bench.Output("y", 3, 35), both = bench.InOut("both", new(3, 35), x);
        bench.Backend.L2Normalize.Forward(y, bench.Input("x", new(3, 35), x));
        bench.Backend.L2Normalize.Forward(both, both);
        Close.VerifySame("in place", bench.Read(both), bench.Read(y));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var normalize = backend.L2Normalize;
        var x = backend.Floats(3, 8);
        Refused.With(() => normalize.Forward(backend.Floats(8, 3), x), "y", "[8, 3]", "[3, 8]");
        Refused.With(() => normalize.Forward(other.Floats(3, 8), x), "y", "another");
        Refused.With(() => normalize.Forward(x, backend.Integers(3, 8)), "x", "I32", "F32");
        Refused.With(() => normalize.Forward(x, null!), "x");
        Assert.Equal(0, backend.Calls);
        normalize.Forward(x, x);
        Assert.Equal(1, backend.Calls);
    }

    [Fact]
    public void Reference_gradient_is_the_numeric_one()
    {
        double[] x = [.. Numbers.As<double>(Numbers.Uniform(1, 3 * 5)), .. Numbers.As<double>(Numbers.Uniform(2, 5, 3e-6f))], dy = Numbers.As<double>(Numbers.Uniform(3, 4 * 5));
        double[] numeric = NumericGradient.Of(v => L2NormalizeReference.Forward(v, 5), x, dy, 1e-10);
        double[] actual = L2NormalizeReference.BackwardInput(dy, x, 5);
        Assert.Equal(numeric, actual, (a, b) => Math.Abs(a - b) < 1e-4 * Math.Max(1, Math.Abs(a)));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference(string backend)
    {
        foreach (var (rows, width) in new[] { (1, 1), (3, 2), (2, 7), (5, 16), (3, 33), (1, 65), (4, 129) })
            VerifyBackward(backend, rows, width, Numbers.Uniform(width, rows * width, 3));
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference_at_model_sizes(string backend)
    {
        foreach (var (rows, width) in new[] { (900, 640), (1025, 257), (2, 5003) })
            VerifyBackward(backend, rows, width, Numbers.Uniform(width, rows * width, 3));
    }

    /// <summary>A zero row has the gradient dy / sqrt(1e-12), as if it were any other row; r^3 of tiny and huge rows must not overflow or vanish.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_takes_zero_rows_and_rows_of_any_scale(string backend)
    {
        foreach (float scale in new[] { 0, 1e-12f, 1e-6f, 1e6f, 1e15f })
            VerifyBackward(backend, 2, 24, Numbers.Uniform(1, 48, scale));
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var normalize = backend.L2Normalize;
        Tensor dx = backend.Floats(3, 8), dy = backend.Floats(3, 8), x = backend.Floats(3, 8);
        Refused.With(() => normalize.BackwardInput(backend.Floats(8, 3), dy, x), "dx", "[8, 3]", "[3, 8]");
        Refused.With(() => normalize.BackwardInput(dx, backend.Floats(24), x), "dy", "[24]", "[3, 8]");
        Refused.With(() => normalize.BackwardInput(dx, other.Floats(3, 8), x), "dy", "another");
        Refused.With(() => normalize.BackwardInput(dx, dy, backend.Integers(3, 8)), "x", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        normalize.BackwardInput(dx, dy, x);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, int rows, int width, float[] x)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            var y = bench.Output("y", rows, width);
            bench.Backend.L2Normalize.Forward(y, bench.Input("x", new(rows, width), x));
            Close.Verify($"{backend} {rows}x{width}, offset {offset}", bench.Read(y), L2NormalizeReference.Forward(Numbers.As<double>(x), width), L2NormalizeReference.Forward(x, width));
        }
    }

    private static void VerifyBackward(string backend, int rows, int width, float[] x)
    {
        float[] dy = Numbers.Uniform(rows, x.Length), before = Numbers.Uniform(width + 1, x.Length);
        double[] exact = Numbers.Added(before, L2NormalizeReference.BackwardInput(Numbers.As<double>(dy), Numbers.As<double>(x), width));
        float[] naive = Numbers.Added(before, L2NormalizeReference.BackwardInput(dy, x, width));
        // dy - y (y . dy) cancels where dy points along y, entirely in rows of one element: so errors are relative to r dy.
        double shortest = Enumerable.Range(0, rows).Min(r => Math.Sqrt(x.Skip(r * width).Take(width).Sum(v => (double)v * v) + 1e-12));
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            Shape shape = new(rows, width);
            var dx = bench.InOut("dx", shape, before);
            bench.Backend.L2Normalize.BackwardInput(dx, bench.Input("dy", shape, dy), bench.Input("x", shape, x));
            Close.Verify($"{backend} {rows}x{width}, offset {offset}", bench.Read(dx), exact, naive, Math.Max(1, 1 / shortest));
        }
    }
}
