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

    private sealed record CosineCase(int N, int R, int C, int K, float Tau);
}
