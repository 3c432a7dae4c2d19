using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class LatentNoiseTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (var (rows, width) in new[] { (1, 1), (3, 5), (2, 16), (5, 17), (1, 129), (9, 64), (4, 65) })
            foreach (bool masked in new[] { false, true })
                Verify(backend, rows, width, masked);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend) => Verify(backend, 2250, 896, masked: true);

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Rows_outside_the_mask_stay_as_they_are(string backend)
    {
        const int C = 37;
        using var bench = new Workbench(backend);
        float[] x = Numbers.Uniform(1, 4 * C);
        var y = bench.InOut("y", new(4, C), x);
        bench.Backend.LatentNoise.Forward(y, y, bench.Input("noise", new(4, C), Numbers.Uniform(2, 4 * C)), bench.Input("mask", new(4), [0, 1, 0, 0]), 0.25f);
        float[] actual = bench.Read(y);
        Close.VerifySame("row 0", actual[..C], x[..C]);
        Close.VerifySame("rows 2 and 3", actual[(2 * C)..], x[(2 * C)..]);
        Assert.NotEqual(x[C], actual[C]);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_adds_what_comes_back(string backend)
    {
        foreach (int count in new[] { 1, 15, 64, 65, 257, 2049, 5000 })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
            {
                using var bench = new Workbench(backend, offset);
                float[] before = Numbers.Uniform(count, count), dy = Numbers.Uniform(count + 1, count);
                var dx = bench.InOut("dx", new(1, count), before);
                bench.Backend.LatentNoise.BackwardInput(dx, bench.Input("dy", new(1, count), dy));
                Close.VerifySame($"{backend} {count}, offset {offset}", bench.Read(dx), Sum.Of(before, LatentNoiseReference.BackwardInput(dy)));
            }
    }

    [Fact]
    public void Reference_gradient_is_the_numeric_one()
    {
        double[] x = Numbers.As<double>(Numbers.Uniform(1, 12)), noise = Numbers.As<double>(Numbers.Uniform(2, 12)), dy = Numbers.As<double>(Numbers.Uniform(3, 12));
        double[] numeric = NumericGradient.Of(v => LatentNoiseReference.Forward(v, noise, [1, 0, 0.5], 0.3), x, dy);
        Assert.Equal(numeric, LatentNoiseReference.BackwardInput(dy), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var operation = backend.LatentNoise;
        Tensor x = backend.Floats(2, 3, 8), y = backend.Floats(2, 3, 8), noise = backend.Floats(2, 3, 8), mask = backend.Floats(6);
        Refused.With(() => operation.Forward(backend.Floats(6, 8), x, noise, null, 1), "y", "[6, 8]", "[2, 3, 8]");
        Refused.With(() => operation.Forward(y, x, backend.Floats(2, 3, 7), null, 1), "noise", "[2, 3, 7]", "[2, 3, 8]");
        Refused.With(() => operation.Forward(y, x, noise, backend.Floats(5), 1), "mask", "5 values", "6 rows");
        Refused.With(() => operation.Forward(y, x, noise, backend.Integers(6), 1), "mask", "I32", "F32");
        Refused.With(() => operation.Forward(y, x, noise, mask, float.NaN), "scale", "finite");
        Refused.With(() => operation.Forward(y, other.Floats(2, 3, 8), noise, mask, 1), "x", "another");
        Refused.With(() => operation.BackwardInput(x, backend.Floats(6, 8)), "dy", "[6, 8]", "[2, 3, 8]");
        Assert.Equal(0, backend.Calls);
        operation.Forward(x, x, noise, backend.Floats(2, 3), 0);
        operation.BackwardInput(x, y);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, int rows, int width, bool masked)
    {
        const float scale = 0.3f;
        float[] x = Numbers.Uniform(width, rows * width), noise = Numbers.Uniform(width + 1, rows * width), values = Numbers.Uniform(rows, rows, 0.5f, 0.5f);
        float[]? mask = masked ? values : null;
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            var shape = new Shape(rows, width);
            var y = bench.Output("y", rows, width);
            bench.Backend.LatentNoise.Forward(y, bench.Input("x", shape, x), bench.Input("noise", shape, noise), masked ? bench.Input("mask", new(rows), values) : null, scale);
            Close.Verify($"{backend} {shape} masked {masked}, offset {offset}", bench.Read(y),
                LatentNoiseReference.Forward(Numbers.As<double>(x), Numbers.As<double>(noise), mask is null ? null : Numbers.As<double>(mask), scale),
                LatentNoiseReference.Forward(x, noise, mask, scale));
        }
    }
}
