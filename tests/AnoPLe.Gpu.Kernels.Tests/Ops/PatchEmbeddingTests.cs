using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class PatchEmbeddingTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var c in new PatchCase[] { new(1, 1, 1, 1, 0), new(1, 8, 8, 3, 0), new(2, 6, 2, 5, 1), new(3, 9, 3, 17, 7), new(1, 12, 4, 33, 2), new(2, 10, 5, 64, 0) })
            Verify(backend, c);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, new(1, 240, 16, 130, 4));
        Verify(backend, new(2, 64, 32, 65, 5));
        Verify(backend, new(3, 56, 14, 96, 0));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var embedding = backend.PatchEmbedding;
        Tensor images = backend.Floats(2, 3, 8, 8), x = backend.Floats(2, 7, 6), cls = backend.Floats(6), positions = backend.Floats(5, 6);
        var weight = backend.Weight(6, 48);
        Refused.With(() => embedding.Forward(x, backend.Floats(2, 1, 8, 8), weight, cls, positions, 4), "images", "[2, 1, 8, 8]", "[B, 3, S, S]");
        Refused.With(() => embedding.Forward(x, backend.Floats(2, 3, 8, 4), weight, cls, positions, 4), "images", "[2, 3, 8, 4]", "[B, 3, S, S]");
        Refused.With(() => embedding.Forward(x, images, weight, cls, positions, 3), "3", "8 x 8");
        Refused.With(() => embedding.Forward(x, images, weight, cls, positions, 0), "0", "8 x 8");
        Refused.With(() => embedding.Forward(x, images, backend.Weight(6, 47), cls, positions, 4), "47", "3 * 4 * 4");
        Refused.With(() => embedding.Forward(x, images, backend.Weight(6, 48, bias: true), cls, positions, 4), "bias");
        Refused.With(() => embedding.Forward(x, images, other.Weight(6, 48), cls, positions, 4), "another");
        Refused.With(() => embedding.Forward(x, images, weight, backend.Floats(5), positions, 4), "classEmbedding", "[5]", "[6]");
        Refused.With(() => embedding.Forward(x, images, weight, cls, backend.Floats(4, 6), 4), "positions", "[4, 6]", "[5, 6]");
        Refused.With(() => embedding.Forward(backend.Floats(2, 4, 6), images, weight, cls, positions, 4), "x", "[2, 4, 6]", "at least 5");
        Refused.With(() => embedding.Forward(backend.Floats(1, 7, 6), images, weight, cls, positions, 4), "x", "[1, 7, 6]");
        Assert.Equal(0, backend.Calls);
        embedding.Forward(x, images, weight, cls, positions, 4);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, PatchCase c)
    {
        int S = c.S, p = c.Patch, tokens = S / p * (S / p) + 1, T = tokens + c.Extra;
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            float[] images = Numbers.Uniform(S, c.B * 3 * S * S, 2), w = Numbers.Uniform(p, c.C * 3 * p * p), cls = Numbers.Uniform(1, c.C), positions = Numbers.Uniform(2, tokens * c.C);
            float[] before = Numbers.Uniform(3, c.B * T * c.C);
            for (int b = 0; b < c.B; b++)
                Array.Fill(before, float.NaN, b * T * c.C, tokens * c.C);
            var x = bench.InOut("x", new(c.B, T, c.C), before);
            bench.Backend.PatchEmbedding.Forward(x, bench.Input("images", new(c.B, 3, S, S), images), bench.Weight("conv1", w, [], c.C, 3 * p * p),
                bench.Input("class", new(c.C), cls), bench.Input("positions", new(tokens, c.C), positions), p);
            float[] actual = bench.Read(x);
            string label = $"{backend} {c}, offset {offset}";
            Close.Verify(label, Rows(actual, c, T, 0, tokens),
                PatchEmbeddingReference.Forward(Numbers.As<double>(images), Numbers.As<double>(w), Numbers.As<double>(cls), Numbers.As<double>(positions), S, p),
                PatchEmbeddingReference.Forward(images, w, cls, positions, S, p));
            Close.VerifySame(label + " rows of prompts", Rows(actual, c, T, tokens, T), Rows(before, c, T, tokens, T));
        }
    }

    // Rows first .. end - 1 of every sequence.
    private static float[] Rows(float[] x, PatchCase c, int T, int first, int end)
        => [.. Enumerable.Range(0, c.B).SelectMany(b => x[((b * T + first) * c.C)..((b * T + end) * c.C)])];

    private sealed record PatchCase(int B, int S, int Patch, int C, int Extra);
}
