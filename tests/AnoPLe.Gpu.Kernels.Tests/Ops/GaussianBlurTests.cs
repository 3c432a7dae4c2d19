using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class GaussianBlurTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        // Radius 16 on a map of 3 x 5 reflects several times; radius 0 copies.
        foreach (var c in new BlurCase[] { new(1, 1, 1, 1), new(2, 3, 5, 4), new(1, 7, 1, 0.6f), new(1, 1, 9, 2), new(2, 13, 17, 1), new(3, 4, 4, 0.1f), new(1, 33, 6, 1.7f) })
            Verify(backend, c);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, new(1, 120, 100, 4));
        Verify(backend, new(2, 63, 65, 8));
        Verify(backend, new(1, 7, 11, 31.9f));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        float[] x = Numbers.Uniform(1, 2 * 9 * 7);
        using var bench = new Workbench(backend);
        Tensor y = bench.Output("y", 2, 9, 7), both = bench.InOut("both", new(2, 9, 7), x), scratch = bench.Output("scratch", 2, 9, 7);
        bench.Backend.GaussianBlur.Forward(y, bench.Input("x", new(2, 9, 7), x), scratch, 1.5f);
        bench.Backend.GaussianBlur.Forward(both, both, scratch, 1.5f);
        Close.VerifySame("in place", bench.Read(both), bench.Read(y));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_constant_map_stays_and_mass_is_kept(string backend)
    {
        const int H = 8, W = 11;
        using var bench = new Workbench(backend);
        float[] impulse = new float[H * W];
        impulse[3 * W + 4] = 1;
        Tensor scratch = bench.Output("scratch", 1, H, W), constant = bench.Output("constant", 1, H, W), spread = bench.Output("spread", 1, H, W);
        bench.Backend.GaussianBlur.Forward(constant, bench.Input("c", new(1, H, W), [.. Enumerable.Repeat(2.5f, H * W)]), scratch, 2);
        bench.Backend.GaussianBlur.Forward(spread, bench.Input("i", new(1, H, W), impulse), scratch, 2);
        Assert.All(bench.Read(constant), v => Assert.Equal(2.5f, v, 2e-6f));
        Assert.Equal(1, bench.Read(spread).Sum(v => (double)v), 1e-6);
    }

    [Fact]
    public void Weights_sum_to_one_and_the_radius_is_cut_at_four_sigma()
    {
        foreach (float sigma in new[] { 0.1f, 0.5f, 1, 4, 31.9f })
        {
            float[] w = GaussianBlur.Weights(sigma);
            Assert.Equal(GaussianBlur.Radius(sigma) + 1, w.Length);
            Assert.Equal(1, w[0] + 2 * w.Skip(1).Sum(v => (double)v), 1e-6);
        }
        Assert.Equal((0, 2, 16), (GaussianBlur.Radius(0.1f), GaussianBlur.Radius(0.5f), GaussianBlur.Radius(4)));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var blur = backend.GaussianBlur;
        Tensor x = backend.Floats(2, 4, 5), y = backend.Floats(2, 4, 5), scratch = backend.Floats(2, 4, 5);
        Refused.With(() => blur.Forward(backend.Floats(2, 5, 4), x, scratch, 1), "y", "[2, 5, 4]", "[2, 4, 5]");
        Refused.With(() => blur.Forward(y, x, backend.Floats(1, 4, 5), 1), "scratch", "[1, 4, 5]", "[2, 4, 5]");
        Refused.With(() => blur.Forward(y, backend.Floats(8, 5), scratch, 1), "x", "[8, 5]", "3 axes");
        Refused.With(() => blur.Forward(y, x, other.Floats(2, 4, 5), 1), "scratch", "another");
        foreach (float sigma in new[] { 0, -1, float.NaN, float.PositiveInfinity, 33, 1e30f })
            Refused.With(() => blur.Forward(y, x, scratch, sigma), "sigma", "128");
        Assert.Equal(0, backend.Calls);
        blur.Forward(x, x, scratch, 1);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, BlurCase c)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            float[] x = Numbers.Uniform(c.H, c.N * c.H * c.W);
            var shape = new Shape(c.N, c.H, c.W);
            var y = bench.Output("y", c.N, c.H, c.W);
            bench.Backend.GaussianBlur.Forward(y, bench.Input("x", shape, x), bench.Output("scratch", c.N, c.H, c.W), c.Sigma);
            Close.Verify($"{backend} {c}, offset {offset}", bench.Read(y), GaussianBlurReference.Forward(Numbers.As<double>(x), c.H, c.W, c.Sigma),
                GaussianBlurReference.Forward(x, c.H, c.W, c.Sigma));
        }
    }

    private sealed record BlurCase(int N, int H, int W, float Sigma);
}
