using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class LinearTests
{
    private static readonly Activation[] Activations = [Activation.None, Activation.Gelu, Activation.QuickGelu];

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        // Every size meets every dimension, and each combination of layout, bias, activation and accumulation comes round.
        int[] sizes = [1, 3, 7, 16, 31, 33];
        int round = 0;
        foreach (int M in sizes)
            foreach (int N in sizes)
            {
                int K = sizes[(Array.IndexOf(sizes, M) + 2 * Array.IndexOf(sizes, N) + 1) % sizes.Length];
                Verify(backend, Case(M, N, K, round++));
            }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Every_epilogue_at_one_odd_size(string backend)
    {
        for (int round = 0; round < 16; round++)
            Verify(backend, Case(5, 19, 9, round));
    }

    [Theory, Trait("Size", "Tiles"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_across_tiles(string backend)
    {
        int[] sizes = [1, 12, 33, 64, 65, 130];
        int round = 0;
        foreach (int M in sizes)
            foreach (int N in sizes)
                foreach (int K in sizes)
                    Verify(backend, Case(M, N, K, round++));
        foreach (var (M, N, K) in new[] { (13, 257, 1023), (230, 300, 896), (229, 64, 1793), (457, 49, 97), (1, 1000, 640), (2, 3, 4099) })
            Verify(backend, Case(M, N, K, round++));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Activations_hold_in_both_tails(string backend)
    {
        // K = 1 and weight 1 hand x to the activation unchanged.
        float[] x = [-1000, -90, -60, -30, -14, -12, -6, -5.5f, -3, -1, -0.75f, -1e-3f, -1e-20f, 0, 1e-20f, 1e-3f, 0.5f, 1, 3, 5.5f, 6, 12, 30, 90, 1000];
        foreach (var activation in Activations)
        {
            using var bench = new Workbench(backend);
            var y = bench.Output("y", x.Length, 1);
            bench.Backend.Linear.Forward(y, bench.Input("x", new(x.Length, 1), x), bench.Weight("w", [1], [], 1, 1), activation);
            float[] actual = bench.Read(y);
            for (int i = 0; i < x.Length; i++)
            {
                double exact = SpecialFunctions.Activate(activation, (double)x[i]);
                Assert.True(Math.Abs(actual[i] - exact) <= 4e-7 * Math.Max(1, Math.Abs(exact)), $"{backend} {activation}({x[i]}) = {actual[i]}, expected {exact}.");
            }
        }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Leading_axes_count_as_rows_and_the_weight_can_serve_twice(string backend)
    {
        using var bench = new Workbench(backend);
        float[] x = Numbers.Uniform(1, 2 * 3 * 5), w = Numbers.Uniform(2, 4 * 5);
        var weight = bench.Weight("w", w, [], 4, 5);
        var input = bench.Input("x", new(2, 3, 5), x);
        Tensor y = bench.Output("y", 2, 3, 4), flat = bench.Output("flat", 6, 4);
        bench.Backend.Linear.Forward(y, input, weight);
        bench.Backend.Linear.Forward(flat, input, weight);
        Close.VerifySame("shapes", bench.Read(y), bench.Read(flat));
        Close.Verify("rank 3", bench.Read(y), LinearReference.Forward(Numbers.As<double>(x), Numbers.As<double>(w), [], 5), LinearReference.Forward(x, w, [], 5));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Packing_copies_the_weights(string backend)
    {
        using var bench = new Workbench(backend);
        float[] x = Numbers.Uniform(1, 3 * 8), w = Numbers.Uniform(2, 6 * 8), b = Numbers.Uniform(3, 6);
        var expected = LinearReference.Forward(Numbers.As<double>(x), Numbers.As<double>(w), Numbers.As<double>(b), 8);
        var naive = LinearReference.Forward(x, w, b, 8);
        var weight = bench.Weight("w", w, b, 6, 8);
        Array.Fill(w, float.NaN);
        Array.Fill(b, float.NaN);
        var y = bench.Output("y", 3, 6);
        bench.Backend.Linear.Forward(y, bench.Input("x", new(3, 8), x), weight);
        Close.Verify("copied", bench.Read(y), expected, naive);
        Assert.Equal((6, 8, true, "w"), (weight.OutFeatures, weight.InFeatures, weight.HasBias, weight.Name));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var linear = backend.Linear;
        var weight = backend.Weight(4, 5);
        Tensor x = backend.Floats(3, 5), y = backend.Floats(3, 4);
        Refused.With(() => linear.Forward(y, backend.Floats(3, 6), weight), "x", "6", "5");
        Refused.With(() => linear.Forward(backend.Floats(3, 5), x, weight), "y", "[3, 5]", "3 rows of 4");
        Refused.With(() => linear.Forward(backend.Floats(2, 4), x, weight), "y", "[2, 4]", "3 rows of 4");
        Refused.With(() => linear.Forward(y, x, other.Weight(4, 5)), "w", "another");
        Refused.With(() => linear.Forward(y, other.Floats(3, 5), weight), "x", "another");
        Refused.With(() => linear.Forward(backend.Integers(3, 4), x, weight), "y", "I32", "F32");
        Refused.With(() => linear.Forward(y, x, weight, Activation.Gelu, accumulate: true), "Gelu");
        Refused.With(() => linear.Forward(y, x, null!), "weight");
        Refused.With(() => linear.Pack("p", new float[19], [], 4, 5), "p", "19", "4 x 5");
        Refused.With(() => linear.Pack("p", new float[20], new float[3], 4, 5), "p", "3", "4");
        Refused.With(() => linear.Pack("p", [], [], 0, 5), "p", "0 x 5");
        Assert.Equal(0, backend.Calls);
        linear.Forward(backend.Floats(3, 1, 4), x, weight, accumulate: true);
        Assert.Equal(1, backend.Calls);
    }

    // Rounds 0 .. 15 meet all: bias or none, both layouts, and none / GELU / QuickGELU / accumulation.
    private static LinearCase Case(int M, int N, int K, int round) => new(M, N, K, (round & 1) == 0,
        (round & 2) == 0 ? WeightLayout.OutIn : WeightLayout.InOut, (round >> 2) % 4 == 3 ? Activation.None : Activations[(round >> 2) % 4],
        (round >> 2) % 4 == 3, (round + round / 16) % 2 == 0 ? Workbench.Aligned : Workbench.Odd);

    private static void Verify(string backend, LinearCase c)
    {
        using var bench = new Workbench(backend, c.Offset);
        float[] x = Numbers.Uniform(c.M, c.M * c.K, 2), w = Numbers.Uniform(c.N, c.N * c.K), b = c.Bias ? Numbers.Uniform(c.K, c.N) : [];
        float[]? start = c.Accumulate ? Numbers.Uniform(c.M + c.N, c.M * c.N, 3) : null;
        var exact = LinearReference.Forward(Numbers.As<double>(x), Numbers.As<double>(w), Numbers.As<double>(b), c.K, c.Activation,
            start is null ? null : Numbers.As<double>(start));
        var naive = LinearReference.Forward(x, w, b, c.K, c.Activation, start);
        float[] stored = c.Layout == WeightLayout.OutIn ? w : LinearReference.Transpose(w, c.K);
        var y = start is null ? bench.Output("y", c.M, c.N) : bench.InOut("y", new(c.M, c.N), start);
        bench.Backend.Linear.Forward(y, bench.Input("x", new(c.M, c.K), x), bench.Weight("w", stored, b, c.N, c.K, c.Layout), c.Activation, c.Accumulate);
        Close.Verify($"{backend} {c}", bench.Read(y), exact, naive);
    }

    private sealed record LinearCase(int M, int N, int K, bool Bias, WeightLayout Layout, Activation Activation, bool Accumulate, int Offset);
}
