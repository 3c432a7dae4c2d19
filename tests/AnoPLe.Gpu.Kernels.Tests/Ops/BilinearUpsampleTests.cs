using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class BilinearUpsampleTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var c in new UpsampleCase[] { new(1, 1, 1, 1, 1), new(2, 1, 1, 3, 5), new(1, 2, 3, 2, 3), new(3, 2, 3, 4, 6), new(1, 3, 5, 7, 11), new(2, 5, 3, 33, 17), new(1, 1, 7, 4, 9), new(1, 4, 1, 9, 1) })
            Verify(backend, c);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, new(3, 15, 15, 240, 240));
        Verify(backend, new(1, 60, 60, 257, 300));
        Verify(backend, new(1, 7, 7, 1025, 64));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void The_same_size_and_constant_maps_are_kept_exactly(string backend)
    {
        using var bench = new Workbench(backend);
        float[] x = Numbers.Uniform(1, 5 * 6);
        Tensor same = bench.Output("same", 1, 5, 6), constant = bench.Output("constant", 1, 9, 13);
        bench.Backend.BilinearUpsample.Forward(same, bench.Input("x", new(1, 5, 6), x));
        bench.Backend.BilinearUpsample.Forward(constant, bench.Input("c", new(1, 3, 4), [.. Enumerable.Repeat(0.75f, 12)]));
        Close.VerifySame("same size", bench.Read(same), x);
        Assert.All(bench.Read(constant), v => Assert.Equal(0.75f, v, 2e-7f));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var upsample = backend.BilinearUpsample;
        Tensor x = backend.Floats(2, 4, 4), y = backend.Floats(2, 8, 8);
        Refused.With(() => upsample.Forward(backend.Floats(3, 8, 8), x), "y", "[3, 8, 8]", "[2, 4, 4]");
        Refused.With(() => upsample.Forward(backend.Floats(2, 3, 8), x), "y", "[2, 3, 8]", "[2, 4, 4]");
        Refused.With(() => upsample.Forward(backend.Floats(2, 8, 3), x), "y", "[2, 8, 3]", "[2, 4, 4]");
        Refused.With(() => upsample.Forward(y, backend.Floats(8, 4)), "x", "[8, 4]", "3 axes");
        Refused.With(() => upsample.Forward(other.Floats(2, 8, 8), x), "y", "another");
        Refused.With(() => upsample.Forward(y, backend.Integers(2, 4, 4)), "x", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        upsample.Forward(y, x);
        Assert.Equal(1, backend.Calls);
    }

    [Fact]
    public void Reference_gradient_is_the_numeric_one()
    {
        foreach (var c in new UpsampleCase[] { new(1, 1, 1, 1, 1), new(2, 1, 1, 3, 5), new(1, 2, 3, 2, 3), new(2, 3, 5, 7, 11), new(1, 4, 1, 9, 1) })
        {
            double[] x = Numbers.As<double>(Numbers.Uniform(1, c.N * c.h * c.w)), dy = Numbers.As<double>(Numbers.Uniform(2, c.N * c.H * c.W));
            double[] numeric = NumericGradient.Of(v => BilinearUpsampleReference.Forward(v, c.h, c.w, c.H, c.W), x, dy);
            Assert.Equal(numeric, BilinearUpsampleReference.BackwardInput(dy, c.h, c.w, c.H, c.W), (a, b) => Math.Abs(a - b) < 1e-7);
        }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference(string backend)
    {
        foreach (var c in new UpsampleCase[] { new(1, 1, 1, 1, 1), new(2, 1, 1, 3, 5), new(1, 2, 3, 2, 3), new(3, 2, 3, 4, 6), new(1, 3, 5, 7, 11), new(2, 5, 3, 33, 17), new(1, 1, 7, 4, 9), new(1, 4, 1, 9, 1), new(1, 9, 10, 10, 11) })
            VerifyBackward(backend, c);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference_at_model_sizes(string backend)
    {
        VerifyBackward(backend, new(3, 15, 15, 240, 240));
        VerifyBackward(backend, new(2, 60, 60, 240, 240));
        VerifyBackward(backend, new(1, 60, 60, 257, 300));
        VerifyBackward(backend, new(1, 7, 7, 1025, 64));
    }

    /// <summary>The weights of the two directions are the same numbers: dy . U x = U^T dy . x, to the rounding of the sums.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_map_of_ones_gives_every_cell_its_share_of_the_outputs(string backend)
    {
        foreach (var (h, H) in new[] { (5, 5), (3, 12), (6, 7), (7, 30) })
        {
            using var bench = new Workbench(backend);
            var dx = bench.InOut("dx", new(1, h, h), new float[h * h]);
            bench.Backend.BilinearUpsample.BackwardInput(dx, bench.Input("dy", new(1, H, H), [.. Enumerable.Repeat(1f, H * H)]));
            Assert.Equal(H * H, bench.Read(dx).Sum(v => (double)v), 1e-5 * H * H);
        }
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var upsample = backend.BilinearUpsample;
        Tensor dx = backend.Floats(2, 4, 4), dy = backend.Floats(2, 8, 8);
        Refused.With(() => upsample.BackwardInput(dx, backend.Floats(3, 8, 8)), "dy", "[3, 8, 8]", "[2, 4, 4]");
        Refused.With(() => upsample.BackwardInput(dx, backend.Floats(2, 3, 8)), "dy", "[2, 3, 8]", "[2, 4, 4]");
        Refused.With(() => upsample.BackwardInput(dx, backend.Floats(2, 8, 3)), "dy", "[2, 8, 3]", "[2, 4, 4]");
        Refused.With(() => upsample.BackwardInput(backend.Floats(8, 4), dy), "dx", "[8, 4]", "3 axes");
        Refused.With(() => upsample.BackwardInput(dx, other.Floats(2, 8, 8)), "dy", "another");
        Refused.With(() => upsample.BackwardInput(backend.Integers(2, 4, 4), dy), "dx", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        upsample.BackwardInput(dx, dy);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, UpsampleCase c)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            float[] x = Numbers.Uniform(c.h, c.N * c.h * c.w);
            var y = bench.Output("y", c.N, c.H, c.W);
            bench.Backend.BilinearUpsample.Forward(y, bench.Input("x", new(c.N, c.h, c.w), x));
            Close.Verify($"{backend} {c}, offset {offset}", bench.Read(y), BilinearUpsampleReference.Forward(Numbers.As<double>(x), c.h, c.w, c.H, c.W),
                BilinearUpsampleReference.Forward(x, c.h, c.w, c.H, c.W));
        }
    }

    private static void VerifyBackward(string backend, UpsampleCase c)
    {
        float[] dy = Numbers.Uniform(c.H, c.N * c.H * c.W), before = Numbers.Uniform(c.h, c.N * c.h * c.w);
        double[] exact = Numbers.Added(before, BilinearUpsampleReference.BackwardInput(Numbers.As<double>(dy), c.h, c.w, c.H, c.W));
        float[] naive = Numbers.Added(before, BilinearUpsampleReference.BackwardInput(dy, c.h, c.w, c.H, c.W));
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            var dx = bench.InOut("dx", new(c.N, c.h, c.w), before);
            bench.Backend.BilinearUpsample.BackwardInput(dx, bench.Input("dy", new(c.N, c.H, c.W), dy));
            Close.Verify($"{backend} {c}, offset {offset}", bench.Read(dx), exact, naive);
        }
    }

    private sealed record UpsampleCase(int N, int h, int w, int H, int W);
}
