using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class AttentionTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (int D in new[] { 8, 16, 18, 32, 64, 80 })
            foreach (int T in new[] { 1, 2, 17 })
            {
                Verify(backend, new(1 + T % 2, T, 2, D, Causal: false, LogSumExp: true, Workbench.Aligned));
                Verify(backend, new(1, T, 2, D, Causal: true, LogSumExp: T != 2, Workbench.Odd));
            }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_around_a_tile_of_64(string backend)
    {
        foreach (int T in new[] { 63, 64, 65 })
            foreach (bool causal in new[] { false, true })
                Verify(backend, new(1, T, 1, 8, causal, LogSumExp: true, Workbench.Aligned));
    }

    [Theory, Trait("Size", "Tiles"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_across_tiles(string backend)
    {
        foreach (bool causal in new[] { false, true })
        {
            Verify(backend, new(1, 226, 1, 64, causal, LogSumExp: true, Workbench.Aligned));
            Verify(backend, new(2, 131, 2, 18, causal, LogSumExp: true, Workbench.Odd));
        }
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        foreach (int D in new[] { 8, 16, 18, 32, 64, 80 })
            foreach (int T in new[] { 63, 64, 65, 77, 128, 226 })
                foreach (bool causal in new[] { false, true })
                    Verify(backend, new(1, T, 2, D, causal, LogSumExp: D != 18, T % 2 == 0 ? Workbench.Aligned : Workbench.Odd));
        Verify(backend, new(1, 1025, 1, 64, Causal: false, LogSumExp: true, Workbench.Aligned));
        Verify(backend, new(1, 1025, 1, 18, Causal: true, LogSumExp: true, Workbench.Aligned));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void One_head_and_odd_widths(string backend)
    {
        foreach (var (heads, D) in new[] { (1, 1), (3, 1), (1, 7), (5, 3), (1, 33) })
            Verify(backend, new(1, 9, heads, D, Causal: false, LogSumExp: true, Workbench.Odd));
    }

    /// <summary>Scaled scores from -80 to 80: exp overflows unless the maximum goes first, and whole rows underflow beside it.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Large_scores_neither_overflow_nor_vanish(string backend)
    {
        const int D = 16;
        // q = k = +-s in every channel: score = +-s^2 sqrt(D), so s = sqrt(80 / 4).
        float s = MathF.Sqrt(80 / MathF.Sqrt(D));
        foreach (int T in new[] { 2, 19 })
            foreach (bool causal in new[] { false, true })
            {
                float[] qkv = Numbers.Uniform(T, T * 3 * D);
                for (int t = 0; t < T; t++)
                    for (int d = 0; d < D; d++)
                    {
                        qkv[t * 3 * D + d] = t % 2 == 0 ? s : -s;
                        qkv[t * 3 * D + D + d] = t % 3 == 0 ? s : t % 3 == 1 ? -s : 0.01f * d;
                    }
                Verify(backend, new(1, T, 1, D, causal, LogSumExp: true, Workbench.Aligned), qkv);
            }
    }

    /// <summary>The largest scores of all come last, so that an online softmax must rescale at every step.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Rising_scores_rescale_what_was_summed(string backend)
    {
        const int T = 70, D = 8;
        float[] qkv = Numbers.Uniform(9, T * 3 * D);
        for (int t = 0; t < T; t++)
            for (int d = 0; d < D; d++)
            {
                qkv[t * 3 * D + d] = 1;
                qkv[t * 3 * D + D + d] = 0.2f * t;
            }
        Verify(backend, new(1, T, 1, D, Causal: false, LogSumExp: true, Workbench.Aligned), qkv);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Equal_scores_average_the_values(string backend)
    {
        const int T = 16, D = 8;
        using var bench = new Workbench(backend);
        float[] qkv = new float[T * 3 * D];
        for (int t = 0; t < T; t++)
            Array.Fill(qkv, t, t * 3 * D + 2 * D, D);
        var y = bench.Output("y", 1, T, D);
        bench.Backend.Attention.Forward(y, bench.Input("qkv", new(1, T, 3 * D), qkv), 1, causal: true);
        float[] actual = bench.Read(y);
        for (int t = 0; t < T; t++)
            Assert.Equal(t / 2.0, actual[t * D], 5e-6);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var attention = backend.Attention;
        Tensor qkv = backend.Floats(2, 5, 24), y = backend.Floats(2, 5, 8);
        Refused.With(() => attention.Forward(y, backend.Floats(10, 24), 2), "qkv", "[10, 24]", "3 axes");
        Refused.With(() => attention.Forward(y, backend.Floats(2, 5, 25), 2), "qkv", "25", "equal width");
        Refused.With(() => attention.Forward(y, qkv, 3), "3 heads", "8");
        Refused.With(() => attention.Forward(y, qkv, 0), "0 heads", "8");
        Refused.With(() => attention.Forward(backend.Floats(2, 5, 24), qkv, 2), "y", "[2, 5, 24]", "[2, 5, 8]");
        Refused.With(() => attention.Forward(y, qkv, 2, false, backend.Floats(2, 5, 2)), "logSumExp", "[2, 5, 2]", "[2, 2, 5]");
        Refused.With(() => attention.Forward(y, other.Floats(2, 5, 24), 2), "qkv", "another");
        Refused.With(() => attention.Forward(backend.Integers(2, 5, 8), qkv, 2), "y", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        attention.Forward(y, qkv, 2, true, backend.Floats(2, 2, 5));
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, AttentionCase c, float[]? values = null)
    {
        int C = c.Heads * c.D;
        using var bench = new Workbench(backend, c.Offset);
        float[] qkv = values ?? Numbers.Uniform(c.T + c.D, c.B * c.T * 3 * C, 2);
        var exact = AttentionReference.Forward(Numbers.As<double>(qkv), c.T, C, c.Heads, c.Causal);
        var naive = AttentionReference.Forward(qkv, c.T, C, c.Heads, c.Causal);
        var y = bench.Output("y", c.B, c.T, C);
        var logSumExp = c.LogSumExp ? bench.Output("logSumExp", c.B, c.Heads, c.T) : null;
        bench.Backend.Attention.Forward(y, bench.Input("qkv", new(c.B, c.T, 3 * C), qkv), c.Heads, c.Causal, logSumExp);
        Close.Verify($"{backend} {c}", bench.Read(y), exact.Y, naive.Y);
        if (logSumExp is not null)
            Close.Verify($"{backend} {c} logSumExp", bench.Read(logSumExp), exact.LogSumExp, naive.LogSumExp);
    }

    private sealed record AttentionCase(int B, int T, int Heads, int D, bool Causal, bool LogSumExp, int Offset);
}
