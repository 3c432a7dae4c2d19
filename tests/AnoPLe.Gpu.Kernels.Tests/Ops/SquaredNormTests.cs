using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class SquaredNormTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (int count in new[] { 1, 2, 3, 4, 15, 17, 63, 64, 65, 255, 257, 1023, 1024, 1027, 4096, 5001 })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
                Verify(backend, Numbers.Uniform(count, count, 2), offset);
        Verify(backend, new float[300], Workbench.Aligned);
    }

    /// <summary>So many squares that one running float would stop counting them; and gradients as small and as large as they get.</summary>
    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_decoder_size(string backend)
    {
        foreach (float scale in new[] { 1e-12f, 1f, 1e12f })
            Verify(backend, Numbers.Uniform(1, 3_000_001, scale), Workbench.Aligned);
        using var bench = new Workbench(backend);
        float[] ones = new float[20_000_000];
        Array.Fill(ones, 1f);
        var result = bench.Output("result", 1);
        bench.Backend.SquaredNorm.Forward(result, bench.Input("x", new(ones.Length), ones));
        Assert.Equal(2e7f, bench.Read(result)[0]);
    }

    /// <summary>Training watches it for exactly this.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void It_is_not_finite_exactly_when_an_element_is_not_or_the_sum_overflows(string backend)
    {
        foreach (int count in new[] { 1, 70, 1500 })
            foreach (int at in new[] { 0, count / 2, count - 1 })
                foreach (var (value, finite) in new[] { (float.NaN, false), (float.PositiveInfinity, false), (float.NegativeInfinity, false), (1e20f, false), (1e18f, true) })
                {
                    using var bench = new Workbench(backend);
                    float[] x = Numbers.Uniform(1, count);
                    x[at] = value;
                    var result = bench.Output("result", 1);
                    bench.Backend.SquaredNorm.Forward(result, bench.Input("x", new(count), x));
                    Assert.Equal(finite, float.IsFinite(bench.Read(result)[0]));
                }
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var norm = backend.SquaredNorm;
        Refused.With(() => norm.Forward(backend.Floats(2), backend.Floats(2, 3)), "[2]", "[1]");
        Refused.With(() => norm.Forward(backend.Floats(1), backend.Integers(2, 3)), "I32", "F32");
        Refused.With(() => norm.Forward(backend.Floats(1), other.Floats(2, 3)), "another");
        Assert.Equal(0, backend.Calls);
        norm.Forward(backend.Floats(1), backend.Floats(2, 3));
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, float[] x, int offset)
    {
        using var bench = new Workbench(backend, offset);
        var result = bench.Output("result", 1);
        bench.Backend.SquaredNorm.Forward(result, bench.Input("x", new(x.Length), x));
        Close.Verify($"{backend} {x.Length}, offset {offset}", bench.Read(result), [SquaredNormReference.Forward(Numbers.As<double>(x))], [SquaredNormReference.Forward(x)]);
    }
}
