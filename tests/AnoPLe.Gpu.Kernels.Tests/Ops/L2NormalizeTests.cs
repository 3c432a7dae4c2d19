using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class L2NormalizeTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var (rows, width) in new[] { (1, 1), (3, 2), (2, 7), (5, 16), (3, 33), (1, 65), (4, 129) })
            Verify(backend, rows, width, Numbers.Uniform(width, rows * width, 3));
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        foreach (var (rows, width) in new[] { (900, 640), (1025, 257), (2, 5003) })
            Verify(backend, rows, width, Numbers.Uniform(width, rows * width, 3));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_zero_row_stays_zero_and_tiny_rows_are_damped(string backend)
    {
        const int C = 24;
        float[] x = [.. new float[C], .. Numbers.Uniform(1, C, 1e-6f), .. Numbers.Uniform(2, C, 1e-12f), .. Numbers.Uniform(3, C, 1e6f)];
        using var bench = new Workbench(backend);
        var y = bench.Output("y", 4, C);
        bench.Backend.L2Normalize.Forward(y, bench.Input("x", new(4, C), x));
        float[] actual = bench.Read(y);
        Assert.All(actual[..C], v => Assert.Equal(0f, v));
        var exact = L2NormalizeReference.Forward(Numbers.As<double>(x), C);
        var naive = L2NormalizeReference.Forward(x, C);
        for (int row = 1; row < 4; row++)
            Close.Verify($"{backend} row {row}", actual[(row * C)..((row + 1) * C)], exact[(row * C)..((row + 1) * C)], naive[(row * C)..((row + 1) * C)]);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        float[] x = Numbers.Uniform(4, 3 * 35);
        using var bench = new Workbench(backend);
        Tensor y = bench.Output("y", 3, 35), both = bench.InOut("both", new(3, 35), x);
        bench.Backend.L2Normalize.Forward(y, bench.Input("x", new(3, 35), x));
        bench.Backend.L2Normalize.Forward(both, both);
        Close.VerifySame("in place", bench.Read(both), bench.Read(y));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var normalize = backend.L2Normalize;
        var x = backend.Floats(3, 8);
        Refused.With(() => normalize.Forward(backend.Floats(8, 3), x), "y", "[8, 3]", "[3, 8]");
        Refused.With(() => normalize.Forward(other.Floats(3, 8), x), "y", "another");
        Refused.With(() => normalize.Forward(x, backend.Integers(3, 8)), "x", "I32", "F32");
        Refused.With(() => normalize.Forward(x, null!), "x");
        Assert.Equal(0, backend.Calls);
        normalize.Forward(x, x);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, int rows, int width, float[] x)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            var y = bench.Output("y", rows, width);
            bench.Backend.L2Normalize.Forward(y, bench.Input("x", new(rows, width), x));
            Close.Verify($"{backend} {rows}x{width}, offset {offset}", bench.Read(y), L2NormalizeReference.Forward(Numbers.As<double>(x), width), L2NormalizeReference.Forward(x, width));
        }
    }
}
