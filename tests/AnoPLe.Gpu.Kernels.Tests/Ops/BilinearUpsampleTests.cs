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

    private sealed record UpsampleCase(int N, int h, int w, int H, int W);
}
