using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class TokenInjectionTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        int round = 0;
        foreach (var c in new InjectionCase[]
        {
            new(1, 1, 1, V: 1, m: 1, Start: 0), new(2, 5, 3, V: 1, m: 2, Start: 1), new(1, 9, 16, V: 1, m: 4, Start: 5), new(3, 4, 33, V: 1, m: 4, Start: 0),
            new(4, 7, 5, V: 2, m: 3, Start: 4), new(10, 6, 17, V: 5, m: 1, Start: 2), new(5, 3, 64, V: 5, m: 2, Start: 1), new(3, 8, 65, V: 3, m: 5, Start: 3),
        })
            foreach (int positions in new[] { 0, c.Start + c.m, c.T + 3 })
                Verify(backend, c, positions, round++ % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, new(10, 230, 896, V: 5, m: 4, Start: 226), 0, Workbench.Aligned);
        Verify(backend, new(3, 77, 640, V: 1, m: 8, Start: 1), 77, Workbench.Odd);
        Verify(backend, new(1025, 3, 9, V: 1, m: 2, Start: 1), 0, Workbench.Odd);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Two_axes_mean_the_same_as_one_view(string backend)
    {
        const int N = 3, T = 6, C = 7, m = 2;
        float[] before = Numbers.Uniform(1, N * T * C), tokens = Numbers.Uniform(2, m * C);
        using var bench = new Workbench(backend);
        Tensor flat = bench.InOut("flat", new(N, T, C), before), views = bench.InOut("views", new(N, T, C), before);
        bench.Backend.TokenInjection.Forward(flat, bench.Input("t2", new(m, C), tokens), 4);
        bench.Backend.TokenInjection.Forward(views, bench.Input("t3", new(1, m, C), tokens), 4);
        Close.VerifySame("one view", bench.Read(views), bench.Read(flat));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var injection = backend.TokenInjection;
        Tensor x = backend.Floats(6, 9, 8), tokens = backend.Floats(4, 8);
        Refused.With(() => injection.Forward(backend.Floats(54, 8), tokens, 0), "x", "[54, 8]", "3 axes");
        Refused.With(() => injection.Forward(x, backend.Floats(4, 7), 0), "tokens", "[4, 7]", "[m, 8]");
        Refused.With(() => injection.Forward(x, backend.Floats(8), 0), "tokens", "[8]", "[m, 8]");
        Refused.With(() => injection.Forward(x, backend.Floats(1, 1, 4, 8), 0), "tokens", "[V, m, 8]");
        Refused.With(() => injection.Forward(x, backend.Floats(4, 2, 8), 0), "6 sequences", "4 views");
        Refused.With(() => injection.Forward(x, tokens, 6), "6 to 9", "9 tokens");
        Refused.With(() => injection.Forward(x, tokens, -1), "-1", "9 tokens");
        Refused.With(() => injection.Forward(x, tokens, 1, backend.Floats(4, 8)), "positions", "[4, 8]", "at least 5");
        Refused.With(() => injection.Forward(x, tokens, 1, backend.Floats(9, 7)), "positions", "[9, 7]", "8");
        Refused.With(() => injection.Forward(x, other.Floats(4, 8), 0), "tokens", "another");
        Refused.With(() => injection.Forward(x, backend.Integers(4, 8), 0), "tokens", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        injection.Forward(x, tokens, 5, backend.Floats(9, 8));
        injection.Forward(x, backend.Floats(3, 4, 8), 5);
        Assert.Equal(2, backend.Calls);
    }

    [Theory, InlineData(1), InlineData(2)]
    public void Reference_gradient_is_the_numeric_one(int V)
    {
        const int N = 4, T = 5, C = 2, m = 2, start = 1;
        double[] x = Numbers.As<double>(Numbers.Uniform(1, N * T * C)), tokens = Numbers.As<double>(Numbers.Uniform(2, V * m * C));
        double[] dy = Numbers.As<double>(Numbers.Uniform(3, x.Length));
        var (dtokens, dx) = TokenInjectionReference.BackwardTokens(new double[tokens.Length], dy, N, T, C, V, start);
        Same(NumericGradient.Of(v => TokenInjectionReference.Forward(x, v, null, N, T, C, V, start), tokens, dy), dtokens);
        Same(NumericGradient.Of(v => TokenInjectionReference.Forward(v, tokens, null, N, T, C, V, start), x, dy), dx);

        static void Same(double[] numeric, double[] actual) => Assert.Equal(numeric, actual, (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardTokens_matches_the_reference(string backend)
    {
        foreach (var c in new InjectionCase[]
        {
            new(1, 1, 1, V: 1, m: 1, Start: 0), new(2, 5, 3, V: 1, m: 2, Start: 1), new(1, 9, 16, V: 1, m: 4, Start: 5), new(3, 4, 33, V: 1, m: 4, Start: 0),
            new(4, 7, 5, V: 2, m: 3, Start: 4), new(10, 6, 17, V: 5, m: 1, Start: 2), new(5, 3, 64, V: 5, m: 2, Start: 1), new(6, 8, 65, V: 3, m: 5, Start: 3),
        })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
                VerifyBackward(backend, c, offset);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void BackwardTokens_matches_the_reference_at_model_sizes(string backend)
    {
        VerifyBackward(backend, new(10, 230, 896, V: 5, m: 4, Start: 226), Workbench.Aligned);
        VerifyBackward(backend, new(30, 77, 640, V: 1, m: 8, Start: 1), Workbench.Odd);
        VerifyBackward(backend, new(1025, 3, 9, V: 1, m: 2, Start: 1), Workbench.Odd);
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var injection = backend.TokenInjection;
        Tensor dx = backend.Floats(6, 9, 8), dtokens = backend.Floats(4, 8);
        Refused.With(() => injection.BackwardTokens(dtokens, backend.Floats(54, 8), 0), "x", "[54, 8]", "3 axes");
        Refused.With(() => injection.BackwardTokens(backend.Floats(4, 7), dx, 0), "tokens", "[4, 7]", "[m, 8]");
        Refused.With(() => injection.BackwardTokens(backend.Floats(4, 2, 8), dx, 0), "6 sequences", "4 views");
        Refused.With(() => injection.BackwardTokens(dtokens, dx, 6), "6 to 9", "9 tokens");
        Refused.With(() => injection.BackwardTokens(other.Floats(4, 8), dx, 0), "tokens", "another");
        Refused.With(() => injection.BackwardTokens(dtokens, backend.Integers(6, 9, 8), 0), "I32", "F32");
        Assert.Equal(0, backend.Calls);
        injection.BackwardTokens(dtokens, dx, 5);
        injection.BackwardTokens(backend.Floats(3, 4, 8), dx, 5);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, InjectionCase c, int positionRows, int offset)
    {
        using var bench = new Workbench(backend, offset);
        float[] before = Numbers.Uniform(c.T, c.N * c.T * c.C), tokens = Numbers.Uniform(c.C, c.V * c.m * c.C);
        float[]? positions = positionRows > 0 ? Numbers.Uniform(c.N, positionRows * c.C) : null;
        var x = bench.InOut("x", new(c.N, c.T, c.C), before);
        bench.Backend.TokenInjection.Forward(x, bench.Input("tokens", c.V == 1 ? new(c.m, c.C) : new(c.V, c.m, c.C), tokens), c.Start,
            positions is null ? null : bench.Input("positions", new(positionRows, c.C), positions));
        Close.VerifySame($"{backend} {c}, {positionRows} positions, offset {offset}", bench.Read(x),
            TokenInjectionReference.Forward(before, tokens, positions, c.N, c.T, c.C, c.V, c.Start));
    }

    private static void VerifyBackward(string backend, InjectionCase c, int offset)
    {
        using var bench = new Workbench(backend, offset);
        float[] gradients = Numbers.Uniform(c.T, c.N * c.T * c.C), before = Numbers.Uniform(c.C, c.V * c.m * c.C);
        var exact = TokenInjectionReference.BackwardTokens(Numbers.As<double>(before), Numbers.As<double>(gradients), c.N, c.T, c.C, c.V, c.Start);
        var naive = TokenInjectionReference.BackwardTokens(before, gradients, c.N, c.T, c.C, c.V, c.Start);
        Tensor dtokens = bench.InOut("dtokens", c.V == 1 ? new(c.m, c.C) : new(c.V, c.m, c.C), before), dx = bench.InOut("dx", new(c.N, c.T, c.C), gradients);
        bench.Backend.TokenInjection.BackwardTokens(dtokens, dx, c.Start);
        Close.Verify($"{backend} {c}, offset {offset}", bench.Read(dtokens), exact.DTokens, naive.DTokens);
        Close.VerifySame($"{backend} {c}, offset {offset}, dx", bench.Read(dx), naive.DX);
    }

    private sealed record InjectionCase(int N, int T, int C, int V, int m, int Start);
}
