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

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Both_gradients_match_the_reference(string backend)
    {
        foreach (var (rows, width) in new[] { (1, 1), (1, 2), (3, 3), (2, 7), (5, 16), (33, 17), (7, 64), (130, 9), (2, 65), (1, 129), (300, 33) })
            VerifyBackward(backend, rows, width, 1, 0);
        VerifyBackward(backend, 9, 48, 0.5f, 100);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Both_gradients_match_the_reference_at_model_sizes(string backend)
    {
        foreach (var (rows, width) in new[] { (230, 896), (3375, 256), (54_000, 20), (9, 1024), (2, 4099) })
            VerifyBackward(backend, rows, width, 1, 0);
    }

    [Fact]
    public void Reference_gradients_are_the_numeric_ones()
    {
        const int rows = 3, C = 5;
        double[] x = Numbers.As<double>(Numbers.Uniform(1, rows * C)), w = Numbers.As<double>(Numbers.Uniform(2, C, 2)), b = Numbers.As<double>(Numbers.Uniform(3, C));
        double[] dy = Numbers.As<double>(Numbers.Uniform(4, rows * C));
        var (_, mean, rstd) = LayerNormReference.Forward(x, w, b);
        var (dweight, dbias) = LayerNormReference.BackwardParameters(dy, x, mean, rstd);
        Near(NumericGradient.Of(v => LayerNormReference.Forward(v, w, b).Y, x, dy), LayerNormReference.BackwardInput(dy, x, w, mean, rstd));
        Near(NumericGradient.Of(v => LayerNormReference.Forward(x, v, b).Y, w, dy), dweight);
        Near(NumericGradient.Of(v => LayerNormReference.Forward(x, w, v).Y, b, dy), dbias);

        static void Near(double[] numeric, double[] actual) => Assert.Equal(numeric, actual, (a, e) => Math.Abs(a - e) < 1e-8);
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var norm = backend.LayerNorm;
        Tensor x = backend.Floats(2, 3, 8), dx = backend.Floats(2, 3, 8), dy = backend.Floats(2, 3, 8), w = backend.Floats(8), b = backend.Floats(8);
        Tensor mean = backend.Floats(6), rstd = backend.Floats(6), wrong = backend.Floats(7);
        Refused.With(() => norm.BackwardInput(backend.Floats(6, 8), dy, x, w, mean, rstd), "dx", "[6, 8]", "[2, 3, 8]");
        Refused.With(() => norm.BackwardInput(dx, backend.Floats(6, 8), x, w, mean, rstd), "dy", "[6, 8]", "[2, 3, 8]");
        Refused.With(() => norm.BackwardInput(dx, dy, x, wrong, mean, rstd), "weight", "[7]", "[8]");
        Refused.With(() => norm.BackwardInput(dx, dy, x, w, wrong, rstd), "mean", "[7]", "[6]");
        Refused.With(() => norm.BackwardInput(dx, dy, x, w, mean, other.Floats(6)), "rstd", "another");
        Refused.With(() => norm.BackwardParameters(wrong, b, dy, x, mean, rstd), "dweight", "[7]", "[8]");
        Refused.With(() => norm.BackwardParameters(w, wrong, dy, x, mean, rstd), "dbias", "[7]", "[8]");
        Refused.With(() => norm.BackwardParameters(w, b, backend.Floats(6, 8), x, mean, rstd), "dy", "[6, 8]", "[2, 3, 8]");
        Refused.With(() => norm.BackwardParameters(w, b, dy, x, mean, wrong), "rstd", "[7]", "[6]");
        Refused.With(() => norm.BackwardParameters(w, b, dy, backend.Integers(2, 3, 8), mean, rstd), "x", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        norm.BackwardInput(dx, dy, x, w, mean, rstd);
        norm.BackwardParameters(w, b, dy, x, mean, rstd);
        Assert.Equal(2, backend.Calls);
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

    private static void VerifyBackward(string backend, int rows, int width, float scale, float shift)
    {
        var shape = new Shape(rows, width);
        float[] x = Numbers.Uniform(width, shape.Count, scale, shift), w = Numbers.Uniform(width + 1, width, 2), dy = Numbers.Uniform(width + 2, shape.Count);
        float[] before = Numbers.Uniform(width + 3, shape.Count), weightBefore = Numbers.Uniform(width + 4, width), biasBefore = Numbers.Uniform(width + 5, width);
        double[] exactX = Numbers.As<double>(x), exactDy = Numbers.As<double>(dy), exactW = Numbers.As<double>(w);
        var (_, exactMean, exactRstd) = LayerNormReference.Forward(exactX, exactW, exactW);
        // The backend and both references get the same rounded statistics of the forward pass.
        float[] mean = Array.ConvertAll(exactMean, v => (float)v), rstd = Array.ConvertAll(exactRstd, v => (float)v);
        (exactMean, exactRstd) = (Numbers.As<double>(mean), Numbers.As<double>(rstd));
        double[] exact = LayerNormReference.BackwardInput(exactDy, exactX, exactW, exactMean, exactRstd);
        float[] naive = LayerNormReference.BackwardInput(dy, x, w, mean, rstd);
        var exactSums = LayerNormReference.BackwardParameters(exactDy, exactX, exactMean, exactRstd);
        var naiveSums = LayerNormReference.BackwardParameters(dy, x, mean, rstd);
        // e - mean(e) - xh mean(e xh) cancels, down to nothing in rows of one or two: so errors are relative to its terms.
        double terms = 2 * exactRstd.Max() * exactW.Max(Math.Abs);
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            Tensor dx = bench.InOut("dx", shape, before), dweight = bench.InOut("dweight", new(width), weightBefore), dbias = bench.InOut("dbias", new(width), biasBefore);
            Tensor dyIn = bench.Input("dy", shape, dy), xIn = bench.Input("x", shape, x), meanIn = bench.Input("mean", new(rows), mean), rstdIn = bench.Input("rstd", new(rows), rstd);
            bench.Backend.LayerNorm.BackwardInput(dx, dyIn, xIn, bench.Input("w", new(width), w), meanIn, rstdIn);
            bench.Backend.LayerNorm.BackwardParameters(dweight, dbias, dyIn, xIn, meanIn, rstdIn);
            string label = $"{backend} {rows}x{width} around {shift}, offset {offset}";
            Close.Verify(label + " dx", bench.Read(dx), Sum.Of(Numbers.As<double>(before), exact), Sum.Of(before, naive), terms);
            Close.Verify(label + " dweight", bench.Read(dweight), Sum.Of(Numbers.As<double>(weightBefore), exactSums.Dweight), Sum.Of(weightBefore, naiveSums.Dweight));
            Close.Verify(label + " dbias", bench.Read(dbias), Sum.Of(Numbers.As<double>(biasBefore), exactSums.Dbias), Sum.Of(biasBefore, naiveSums.Dbias));
        }
    }
}
