using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class LayerNormTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var (rows, width) in new[] { (1, 1), (1, 2), (3, 3), (2, 7), (5, 16), (3, 17), (7, 64), (2, 65), (1, 129) })
        {
            Verify(backend, rows, width, 1, 0, statistics: true);
            Verify(backend, rows, width, 1, 0, statistics: false);
        }
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        foreach (var (rows, width) in new[] { (226, 896), (1025, 768), (3, 1023), (9, 1024), (2, 4099) })
            Verify(backend, rows, width, 1, 0, statistics: true);
    }

    /// <summary>A variance taken as mean of squares minus squared mean would lose all digits here.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_large_mean_does_not_cancel_the_variance(string backend)
    {
        Verify(backend, 3, 48, 0.5f, 1000, statistics: true);
        Verify(backend, 3, 33, 1e-3f, 0, statistics: true);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_constant_row_becomes_the_bias(string backend)
    {
        const int C = 32;
        using var bench = new Workbench(backend);
        float[] bias = Numbers.Uniform(1, C);
        float[] x = [.. Enumerable.Repeat(3f, C), .. Enumerable.Repeat(0f, C), .. Enumerable.Repeat(-1024f, C)];
        var y = bench.Output("y", 3, C);
        bench.Backend.LayerNorm.Forward(y, bench.Input("x", new(3, C), x), bench.Input("w", new(C), Numbers.Uniform(2, C)), bench.Input("b", new(C), bias));
        // Sums of these rows are exact in float, so nothing is left but the bias.
        Close.VerifySame("constant rows", bench.Read(y), [.. bias, .. bias, .. bias]);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        const int C = 37;
        using var bench = new Workbench(backend);
        float[] x = Numbers.Uniform(3, 4 * C);
        Tensor w = bench.Input("w", new(C), Numbers.Uniform(4, C)), b = bench.Input("b", new(C), Numbers.Uniform(5, C));
        Tensor y = bench.Output("y", 4, C), both = bench.InOut("both", new(4, C), x);
        bench.Backend.LayerNorm.Forward(y, bench.Input("x", new(4, C), x), w, b);
        bench.Backend.LayerNorm.Forward(both, both, w, b);
        Close.VerifySame("in place", bench.Read(both), bench.Read(y));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var norm = backend.LayerNorm;
        Tensor x = backend.Floats(2, 3, 8), y = backend.Floats(2, 3, 8), w = backend.Floats(8), b = backend.Floats(8);
        Refused.With(() => norm.Forward(backend.Floats(6, 8), x, w, b), "y", "[6, 8]", "[2, 3, 8]");
        Refused.With(() => norm.Forward(y, x, backend.Floats(7), b), "weight", "[7]", "[8]");
        Refused.With(() => norm.Forward(y, x, w, backend.Floats(1, 8)), "bias", "[1, 8]", "[8]");
        Refused.With(() => norm.Forward(y, x, w, b, backend.Floats(6)), "mean", "rstd", "both or neither");
        Refused.With(() => norm.Forward(y, x, w, b, null, backend.Floats(6)), "mean", "rstd", "both or neither");
        Refused.With(() => norm.Forward(y, x, w, b, backend.Floats(6), backend.Floats(5)), "rstd", "[5]", "[6]");
        Refused.With(() => norm.Forward(y, x, w, other.Floats(8)), "bias", "another");
        Refused.With(() => norm.Forward(y, backend.Integers(2, 3, 8), w, b), "x", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        norm.Forward(x, x, w, b, backend.Floats(6), backend.Floats(6));
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, int rows, int width, float scale, float shift, bool statistics)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            float[] x = Numbers.Uniform(width, rows * width, scale, shift), w = Numbers.Uniform(width + 1, width, 2), b = Numbers.Uniform(width + 2, width);
            var exact = LayerNormReference.Forward(Numbers.As<double>(x), Numbers.As<double>(w), Numbers.As<double>(b));
            var naive = LayerNormReference.Forward(x, w, b);
            Tensor y = bench.Output("y", rows, width);
            Tensor? mean = statistics ? bench.Output("mean", rows) : null, rstd = statistics ? bench.Output("rstd", rows) : null;
            bench.Backend.LayerNorm.Forward(y, bench.Input("x", new(rows, width), x), bench.Input("w", new(width), w), bench.Input("b", new(width), b), mean, rstd);
            string label = $"{backend} {rows}x{width} around {shift}, offset {offset}";
            Close.Verify(label, bench.Read(y), exact.Y, naive.Y);
            if (!statistics)
                continue;
            Close.Verify(label + " mean", bench.Read(mean!), exact.Mean, naive.Mean, Math.Abs(shift) + scale);
            Close.Verify(label + " rstd", bench.Read(rstd!), exact.Rstd, naive.Rstd);
        }
    }
}
