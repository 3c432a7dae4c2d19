using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class RowGatherTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        Verify(backend, 1, 1, 0);
        Verify(backend, 5, 3, 4, 0, 2);
        Verify(backend, 9, 16, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        Verify(backend, 4, 33, 3, 3, 0, 3, 1, 1);
        Verify(backend, 2, 65, 1);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, 8 * 226, 896, [.. Enumerable.Range(0, 8).Select(b => b * 226)]);
        Verify(backend, 1025, 33, [.. Enumerable.Range(0, 1025).Select(i => i * 512 % 1025)]);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Special_values_are_copied_as_they_are(string backend)
    {
        float[] x = [float.NaN, float.PositiveInfinity, -0f, float.Epsilon, float.MaxValue, float.NegativeInfinity];
        using var bench = new Workbench(backend);
        var y = bench.Output("y", 3, 2);
        bench.Backend.RowGather.Forward(y, bench.Input("x", new(3, 2), x), bench.Indices("rows", 2, 1, 0));
        Close.VerifySame(backend, bench.Read(y), [x[4], x[5], x[2], x[3], x[0], x[1]]);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var gather = backend.RowGather;
        Tensor x = backend.Floats(2, 5, 8), y = backend.Floats(3, 8), rows = backend.Integers(3);
        Refused.With(() => gather.Forward(backend.Floats(3, 7), x, rows), "y", "7", "8");
        Refused.With(() => gather.Forward(y, x, backend.Integers(4)), "rows", "4", "3");
        Refused.With(() => gather.Forward(y, x, backend.Floats(3)), "rows", "F32", "I32");
        Refused.With(() => gather.Forward(y, other.Floats(2, 5, 8), rows), "x", "another");
        Refused.With(() => gather.Forward(y, x, other.Integers(3)), "rows", "another");
        Assert.Equal(0, backend.Calls);
        gather.Forward(y, x, rows);
        Assert.Equal(1, backend.Calls);
    }

    [Fact]
    public void Reference_gradient_is_the_numeric_one()
    {
        int[] rows = [4, 0, 2];
        double[] x = Numbers.As<double>(Numbers.Uniform(1, 5 * 3)), dy = Numbers.As<double>(Numbers.Uniform(2, 3 * 3));
        double[] numeric = NumericGradient.Of(v => RowGatherReference.Forward(v, rows, 3), x, dy);
        Assert.Equal(numeric, RowGatherReference.BackwardInput(new double[15], dy, rows, 3), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference(string backend)
    {
        VerifyBackward(backend, 1, 1, 0);
        VerifyBackward(backend, 5, 3, 4, 0, 2);
        VerifyBackward(backend, 9, 16, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        VerifyBackward(backend, 4, 33, 3, 0);
        VerifyBackward(backend, 2, 65, 1);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void BackwardInput_matches_the_reference_at_model_sizes(string backend)
    {
        VerifyBackward(backend, 8 * 226, 896, [.. Enumerable.Range(0, 8 * 226).Where(row => row % 226 != 0)]);
        VerifyBackward(backend, 1025, 33, [.. Enumerable.Range(0, 1025).Select(i => i * 512 % 1025)]);
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var gather = backend.RowGather;
        Tensor dx = backend.Floats(2, 5, 8), dy = backend.Floats(3, 8), rows = backend.Integers(3);
        Refused.With(() => gather.BackwardInput(dx, backend.Floats(3, 7), rows), "dy", "7", "8");
        Refused.With(() => gather.BackwardInput(dx, dy, backend.Integers(4)), "rows", "4", "3");
        Refused.With(() => gather.BackwardInput(dx, dy, backend.Floats(3)), "rows", "F32", "I32");
        Refused.With(() => gather.BackwardInput(other.Floats(2, 5, 8), dy, rows), "dx", "another");
        Assert.Equal(0, backend.Calls);
        gather.BackwardInput(dx, dy, rows);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, int count, int width, params int[] rows)
    {
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            float[] x = Numbers.Uniform(width, count * width);
            var y = bench.Output("y", rows.Length, width);
            bench.Backend.RowGather.Forward(y, bench.Input("x", new(count, width), x), bench.Indices("rows", rows));
            Close.VerifySame($"{backend} {rows.Length} of {count}x{width}, offset {offset}", bench.Read(y), RowGatherReference.Forward(x, rows, width));
        }
    }

    private static void VerifyBackward(string backend, int count, int width, params int[] rows)
    {
        float[] before = Numbers.Uniform(width, count * width), dy = Numbers.Uniform(count, rows.Length * width);
        foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
        {
            using var bench = new Workbench(backend, offset);
            var dx = bench.InOut("dx", new(count, width), before);
            bench.Backend.RowGather.BackwardInput(dx, bench.Input("dy", new(rows.Length, width), dy), bench.Indices("rows", rows));
            Close.VerifySame($"{backend} {rows.Length} of {count}x{width}, offset {offset}", bench.Read(dx),
                RowGatherReference.BackwardInput(before, dy, rows, width));
        }
    }
}
