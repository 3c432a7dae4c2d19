using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class CosineLogitsTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var c in new CosineCase[] { new(1, 1, 1, 1, 1), new(1, 3, 2, 1, 14.3f), new(2, 5, 7, 3, 14.3f), new(3, 4, 33, 2, 100), new(5, 1, 64, 1, 100), new(2, 9, 65, 4, 0.5f) })
            Verify(backend, c);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, new(8, 225, 640, 1, 100));
        Verify(backend, new(1, 900, 640, 15, 14.3f));
        Verify(backend, new(1025, 1, 257, 2, 100));
    }

    /// <summary>CLIP's two prompts differ by a small angle: two dot products subtracted afterwards would lose its digits.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Nearly_equal_prompts_keep_their_difference(string backend)
    {
        const int C = 40;
        float[] normal = Numbers.UnitRows(1, 1, C);
        float[] abnormal = [.. normal.Select((v, i) => v + 1e-4f * MathF.Sin(i))];
        Verify(backend, new(1, 6, C, 1, 100), [.. normal, .. abnormal]);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Rows_may_be_zero_and_of_any_scale(string backend)
    {
        const int C = 12;
        float[] direction = Numbers.Uniform(5, C), text = Numbers.UnitRows(6, 2, C);
        float[] x = [.. new float[C], .. direction, .. direction.Select(v => v * 1024)];
        using var bench = new Workbench(backend);
        var logits = bench.Output("logits", 3);
        bench.Backend.CosineLogits.Forward(logits, bench.Input("x", new(1, 3, C), x), bench.Input("text", new(2, C), text), bench.Indices("classes", 0), 10);
        float[] actual = bench.Read(logits);
        Assert.Equal(0f, actual[0]);
        Assert.Equal(actual[1], actual[2], 1e-5f);
        Assert.NotEqual(0f, actual[1]);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var cosine = backend.CosineLogits;
        Tensor x = backend.Floats(2, 5, 8), logits = backend.Floats(2, 5), text = backend.Floats(6, 8), classes = backend.Integers(2);
        Refused.With(() => cosine.Forward(backend.Floats(2), x, text, classes, 1), "logits", "2", "10");
        Refused.With(() => cosine.Forward(logits, x, backend.Floats(5, 8), classes, 1), "text", "[5, 8]", "[2K, 8]");
        Refused.With(() => cosine.Forward(logits, x, backend.Floats(6, 7), classes, 1), "text", "[6, 7]", "[2K, 8]");
        Refused.With(() => cosine.Forward(logits, x, backend.Floats(48), classes, 1), "text", "[48]", "2 axes");
        Refused.With(() => cosine.Forward(logits, x, text, backend.Integers(3), 1), "classes", "3", "2");
        Refused.With(() => cosine.Forward(logits, x, text, backend.Floats(2), 1), "classes", "F32", "I32");
        Refused.With(() => cosine.Forward(logits, x, text, other.Integers(2), 1), "classes", "another");
        foreach (float tau in new[] { 0, -1, float.NaN, float.PositiveInfinity })
            Refused.With(() => cosine.Forward(logits, x, text, classes, tau), "tau", "positive");
        Assert.Equal(0, backend.Calls);
        cosine.Forward(backend.Floats(10), x, text, classes, 1);
        Assert.Equal(1, backend.Calls);
    }

    [Fact]
    public void Reference_gradients_are_the_numeric_ones()
    {
        const int C = 4, K = 3;
        const double tau = 14;
        int[] classes = [2, 0, 2];
        double[] x = Numbers.As<double>(Numbers.Uniform(1, 3 * 2 * C)), text = Numbers.As<double>(Numbers.UnitRows(2, 2 * K, C)), dlogits = Numbers.As<double>(Numbers.Uniform(3, 6));
        Same(NumericGradient.Of(v => CosineLogitsReference.Forward(v, text, classes, C, tau), x, dlogits),
            CosineLogitsReference.BackwardInput(dlogits, x, text, classes, C, tau));
        Same(NumericGradient.Of(v => CosineLogitsReference.Forward(x, v, classes, C, tau), text, dlogits),
            CosineLogitsReference.BackwardText(dlogits, x, classes, K, C, tau));

        static void Same(double[] numeric, double[] actual) => Assert.Equal(numeric, actual, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Backward_matches_the_reference(string backend)
    {
        foreach (var c in new CosineCase[] { new(1, 1, 1, 1, 1), new(1, 3, 2, 1, 14.3f), new(2, 5, 7, 3, 14.3f), new(3, 4, 33, 2, 100), new(5, 1, 64, 1, 100), new(2, 9, 65, 4, 0.5f) })
            VerifyBackward(backend, c);
    }

    /// <summary>Sums go in chunks of 128 rows that never cross samples, and in strips of columns.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Backward_matches_the_reference_around_a_chunk_of_128_rows(string backend)
    {
        foreach (var c in new CosineCase[] { new(2, 127, 3, 1, 10), new(1, 128, 5, 2, 10), new(3, 129, 2, 2, 10), new(2, 258, 1, 1, 10), new(4, 2, 131, 3, 10) })
            VerifyBackward(backend, c);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Backward_matches_the_reference_at_model_sizes(string backend)
    {
        VerifyBackward(backend, new(3, 3600, 640, 2, 14.3f));
        VerifyBackward(backend, new(30, 1, 640, 15, 100));
        VerifyBackward(backend, new(1025, 1, 257, 2, 100));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Classes_without_samples_keep_what_was_there(string backend)
    {
        const int C = 9, K = 5;
        float[] before = Numbers.Uniform(1, 2 * K * C);
        using var bench = new Workbench(backend);
        var dtext = bench.InOut("dtext", new(2 * K, C), before);
        bench.Backend.CosineLogits.BackwardText(dtext, bench.Input("dlogits", new(3, 2), Numbers.Uniform(2, 6)), bench.Input("x", new(3, 2, C), Numbers.Uniform(3, 6 * C)),
            bench.Indices("classes", 3, 1, 3), 10);
        float[] actual = bench.Read(dtext);
        foreach (int k in new[] { 0, 2, 4 })
            Close.VerifySame($"class {k}", actual[(2 * k * C)..((2 * k + 2) * C)], before[(2 * k * C)..((2 * k + 2) * C)]);
        Assert.All(new[] { 1, 3 }, k => Assert.NotEqual(before[2 * k * C], actual[2 * k * C]));
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var cosine = backend.CosineLogits;
        Tensor x = backend.Floats(2, 5, 8), dx = backend.Floats(2, 5, 8), dlogits = backend.Floats(2, 5), text = backend.Floats(6, 8), classes = backend.Integers(2);
        Refused.With(() => cosine.BackwardInput(backend.Floats(10, 8), dlogits, x, text, classes, 1), "dx", "[10, 8]", "[2, 5, 8]");
        Refused.With(() => cosine.BackwardInput(dx, backend.Floats(2), x, text, classes, 1), "logits", "2", "10");
        Refused.With(() => cosine.BackwardInput(dx, dlogits, x, backend.Floats(5, 8), classes, 1), "text", "[5, 8]", "[2K, 8]");
        Refused.With(() => cosine.BackwardInput(other.Floats(2, 5, 8), dlogits, x, text, classes, 1), "dx", "another");
        Refused.With(() => cosine.BackwardInput(dx, dlogits, x, text, classes, 0), "tau", "positive");
        Refused.With(() => cosine.BackwardText(backend.Floats(5, 8), dlogits, x, classes, 1), "text", "[5, 8]", "[2K, 8]");
        Refused.With(() => cosine.BackwardText(text, backend.Floats(11), x, classes, 1), "logits", "11", "10");
        Refused.With(() => cosine.BackwardText(text, dlogits, x, backend.Integers(3), 1), "classes", "3", "2");
        Refused.With(() => cosine.BackwardText(other.Floats(6, 8), dlogits, x, classes, 1), "text", "another");
        Refused.With(() => cosine.BackwardText(text, dlogits, x, classes, float.NaN), "tau", "positive");
        Assert.Equal(0, backend.Calls);
        cosine.BackwardInput(dx, dlogits, x, text, classes, 1);
        cosine.BackwardText(text, dlogits, x, classes, 1);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, CosineCase c, float[]? prompts = null)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            float[] x = Numbers.Uniform(c.C, c.N * c.R * c.C, 5), text = prompts ?? Numbers.UnitRows(c.K, 2 * c.K, c.C);
            int[] classes = [.. Enumerable.Range(0, c.N).Select(n => (n * 2 + 1) % c.K)];
            var logits = bench.Output("logits", c.N, c.R);
            bench.Backend.CosineLogits.Forward(logits, bench.Input("x", new(c.N, c.R, c.C), x), bench.Input("text", new(2 * c.K, c.C), text), bench.Indices("classes", classes), c.Tau);
            Close.Verify($"{backend} {c}, offset {offset}", bench.Read(logits),
                CosineLogitsReference.Forward(Numbers.As<double>(x), Numbers.As<double>(text), classes, c.C, c.Tau),
                CosineLogitsReference.Forward(x, text, classes, c.C, c.Tau));
        }
    }

    private static void VerifyBackward(string backend, CosineCase c)
    {
        Shape rows = new(c.N, c.R, c.C), logits = new(c.N, c.R), prompts = new(2 * c.K, c.C);
        float[] x = Numbers.Uniform(c.C, rows.Count, 5), text = Numbers.UnitRows(c.K, 2 * c.K, c.C), dlogits = Numbers.Uniform(c.R, logits.Count);
        float[] before = Numbers.Uniform(c.N, rows.Count), textBefore = Numbers.Uniform(c.N + 1, prompts.Count);
        int[] classes = [.. Enumerable.Range(0, c.N).Select(n => (n * 2 + 1) % c.K)];
        double[] exactX = Numbers.As<double>(x), exactLogits = Numbers.As<double>(dlogits);
        double[] exact = Numbers.Added(before, CosineLogitsReference.BackwardInput(exactLogits, exactX, Numbers.As<double>(text), classes, c.C, c.Tau));
        float[] naive = Numbers.Added(before, CosineLogitsReference.BackwardInput(dlogits, x, text, classes, c.C, c.Tau));
        double[] exactText = Numbers.Added(textBefore, CosineLogitsReference.BackwardText(exactLogits, exactX, classes, c.K, c.C, c.Tau));
        float[] naiveText = Numbers.Added(textBefore, CosineLogitsReference.BackwardText(dlogits, x, classes, c.K, c.C, c.Tau));
        // d - unit(x) (unit(x) . d) cancels where x points along d, entirely in rows of one element: errors are relative to tau |d| / |x|.
        double shortest = Enumerable.Range(0, c.N * c.R).Min(r => Math.Sqrt(x.AsSpan(r * c.C, c.C).ToArray().Sum(v => (double)v * v)));
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            Tensor dx = bench.InOut("dx", rows, before), dtext = bench.InOut("dtext", prompts, textBefore), inputs = bench.Input("x", rows, x);
            Tensor gradients = bench.Input("dlogits", logits, dlogits), indices = bench.Indices("classes", classes);
            bench.Backend.CosineLogits.BackwardInput(dx, gradients, inputs, bench.Input("text", prompts, text), indices, c.Tau);
            bench.Backend.CosineLogits.BackwardText(dtext, gradients, inputs, indices, c.Tau);
            Close.Verify($"{backend} {c}, offset {offset}, dx", bench.Read(dx), exact, naive, Math.Max(1, c.Tau / shortest));
            Close.Verify($"{backend} {c}, offset {offset}, dtext", bench.Read(dtext), exactText, naiveText);
        }
    }

    private sealed record CosineCase(int N, int R, int C, int K, float Tau);
}
