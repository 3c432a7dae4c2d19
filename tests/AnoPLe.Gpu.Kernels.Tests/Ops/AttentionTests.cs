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

    /// <summary>A last panel of keys that is full, less than half full or more, at every width of vectors; several heads, so that the next one is fetched.</summary>
    [Theory, MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_whatever_the_last_panel_holds(string backend)
    {
        foreach (int T in new[] { 4, 5, 9, 12, 13, 16, 21, 31, 33, 40, 48, 49 })
            foreach (bool causal in new[] { false, true })
                Verify(backend, new(1, T, 3, 20, causal, LogSumExp: true, Workbench.Odd));
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
        foreach (int T in new[] { 2, 19 })
            foreach (bool causal in new[] { false, true })
                Verify(backend, new(1, T, 1, D, causal, LogSumExp: true, Workbench.Aligned), LargeScores(T, D));
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

    [Theory, InlineData(1, 1, false), InlineData(3, 2, false), InlineData(4, 2, true)]
    public void Reference_gradient_is_the_numeric_one(int T, int D, bool causal)
    {
        const int heads = 2, B = 2;
        int C = heads * D;
        double[] qkv = Numbers.As<double>(Numbers.Uniform(T, B * T * 3 * C)), dy = Numbers.As<double>(Numbers.Uniform(T + 1, B * T * C));
        var (y, logSumExp) = AttentionReference.Forward(qkv, T, C, heads, causal);
        double[] numeric = NumericGradient.Of(x => AttentionReference.Forward(x, T, C, heads, causal).Y, qkv, dy);
        double[] actual = AttentionReference.BackwardInput(dy, qkv, y, logSumExp, T, C, heads, causal);
        Assert.Equal(numeric, actual, (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference(string backend)
    {
        foreach (int T in new[] { 1, 2, 23, 33 })
            foreach (bool causal in new[] { false, true })
                VerifyBackward(backend, new(T == 2 ? 2 : 1, T, 2, 8, causal, LogSumExp: true, causal ? Workbench.Odd : Workbench.Aligned));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference_for_every_width_of_heads(string backend)
    {
        foreach (int D in new[] { 1, 3, 8, 20, 32, 33, 64, 80, 128 })
        {
            VerifyBackward(backend, new(1, 5, 3, D, Causal: false, LogSumExp: true, Workbench.Aligned));
            VerifyBackward(backend, new(2, 4, 1, D, Causal: true, LogSumExp: true, Workbench.Odd));
        }
    }

    [Theory, Trait("Size", "Tiles"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference_across_tiles(string backend)
    {
        foreach (bool causal in new[] { false, true })
            foreach (int T in new[] { 77, 96, 97, 230 })
                VerifyBackward(backend, new(1, T, 2, T == 230 ? 64 : 20, causal, LogSumExp: true, T % 2 == 0 ? Workbench.Aligned : Workbench.Odd));
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference_at_model_sizes(string backend)
    {
        foreach (int D in new[] { 1, 8, 20, 32, 64, 80, 128 })
            foreach (int T in new[] { 77, 230 })
                foreach (bool causal in new[] { false, true })
                    VerifyBackward(backend, new(2, T, 2, D, causal, LogSumExp: true, causal ? Workbench.Odd : Workbench.Aligned));
        VerifyBackward(backend, new(1, 1025, 1, 64, Causal: false, LogSumExp: true, Workbench.Aligned));
        VerifyBackward(backend, new(1, 601, 1, 18, Causal: true, LogSumExp: true, Workbench.Aligned));
    }

    /// <summary>Without subtracting logSumExp in the exponent, weights of such scores overflow.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_of_large_scores_stays_finite(string backend)
    {
        foreach (bool causal in new[] { false, true })
            VerifyBackward(backend, new(1, 19, 1, 16, causal, LogSumExp: true, Workbench.Aligned), LargeScores(19, 16));
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

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var attention = backend.Attention;
        Tensor dqkv = backend.Floats(2, 5, 24), dy = backend.Floats(2, 5, 8), qkv = backend.Floats(2, 5, 24), y = backend.Floats(2, 5, 8);
        var logSumExp = backend.Floats(2, 2, 5);
        Refused.With(() => attention.BackwardInput(dqkv, dy, backend.Floats(10, 24), y, logSumExp, 2), "qkv", "[10, 24]", "3 axes");
        Refused.With(() => attention.BackwardInput(dqkv, dy, backend.Floats(2, 5, 25), y, logSumExp, 2), "qkv", "25", "equal width");
        Refused.With(() => attention.BackwardInput(dqkv, dy, qkv, y, logSumExp, 3), "3 heads", "8");
        Refused.With(() => attention.BackwardInput(backend.Floats(2, 5, 8), dy, qkv, y, logSumExp, 2), "dqkv", "[2, 5, 8]", "[2, 5, 24]");
        Refused.With(() => attention.BackwardInput(dqkv, backend.Floats(2, 5, 24), qkv, y, logSumExp, 2), "dy", "[2, 5, 24]", "[2, 5, 8]");
        Refused.With(() => attention.BackwardInput(dqkv, dy, qkv, backend.Floats(2, 8, 5), logSumExp, 2), "y", "[2, 8, 5]", "[2, 5, 8]");
        Refused.With(() => attention.BackwardInput(dqkv, dy, qkv, y, backend.Floats(2, 5, 2), 2), "logSumExp", "[2, 5, 2]", "[2, 2, 5]");
        Refused.With(() => attention.BackwardInput(dqkv, other.Floats(2, 5, 8), qkv, y, logSumExp, 2), "dy", "another");
        Assert.Equal(0, backend.Calls);
        attention.BackwardInput(dqkv, dy, qkv, y, logSumExp, 2, causal: true);
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

    private static void VerifyBackward(string backend, AttentionCase c, float[]? values = null)
    {
        int C = c.Heads * c.D;
        using var bench = new Workbench(backend, c.Offset);
        Shape rows = new(c.B, c.T, C), qkvRows = new(c.B, c.T, 3 * C);
        float[] qkv = values ?? Numbers.Uniform(c.T + c.D, qkvRows.Count, 2), dy = Numbers.Uniform(c.T, rows.Count);
        double[] exactQkv = Numbers.As<double>(qkv);
        var (exactY, exactSum) = AttentionReference.Forward(exactQkv, c.T, C, c.Heads, c.Causal);
        // The backend and the plain float loop get the same rounded results of the forward pass.
        float[] y = Array.ConvertAll(exactY, v => (float)v), logSumExp = Array.ConvertAll(exactSum, v => (float)v);
        double[] exact = AttentionReference.BackwardInput(Numbers.As<double>(dy), exactQkv, exactY, exactSum, c.T, C, c.Heads, c.Causal);
        float[] naive = AttentionReference.BackwardInput(dy, qkv, y, logSumExp, c.T, C, c.Heads, c.Causal);
        var dqkv = bench.Output("dqkv", c.B, c.T, 3 * C);
        bench.Backend.Attention.BackwardInput(dqkv, bench.Input("dy", rows, dy), bench.Input("qkv", qkvRows, qkv), bench.Input("y", rows, y),
            bench.Input("logSumExp", new(c.B, c.Heads, c.T), logSumExp), c.Heads, c.Causal);
        float[] actual = bench.Read(dqkv);
        // dA - dy . y cancels, down to nothing for a single key: so errors are relative to the largest gradient of all three.
        double scale = exact.Max(Math.Abs);
        for (int part = 0; part < 3; part++)
            Close.Verify($"{backend} {c} d{"qkv"[part]}", Part(actual, part, C), Part(exact, part, C), Part(naive, part, C), scale);
    }

    /// <summary>q, k or v of every row.</summary>
    private static T[] Part<T>(T[] qkv, int part, int C) => [.. qkv.Where((_, i) => i / C % 3 == part)];

    /// <summary>q = k = +-s in every channel, where score = +-s^2 sqrt(D) = +-80.</summary>
    private static float[] LargeScores(int T, int D)
    {
        float s = MathF.Sqrt(80 / MathF.Sqrt(D));
        float[] qkv = Numbers.Uniform(T, T * 3 * D);
        for (int t = 0; t < T; t++)
            for (int d = 0; d < D; d++)
            {
                qkv[t * 3 * D + d] = t % 2 == 0 ? s : -s;
                qkv[t * 3 * D + D + d] = t % 3 == 0 ? s : t % 3 == 1 ? -s : 0.01f * d;
            }
        return qkv;
    }

    private sealed record AttentionCase(int B, int T, int Heads, int D, bool Causal, bool LogSumExp, int Offset);
}
