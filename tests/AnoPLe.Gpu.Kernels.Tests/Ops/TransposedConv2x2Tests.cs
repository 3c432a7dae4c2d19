using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class TransposedConv2x2Tests
{
    [Fact]
    public void By_hand()
    {
        // One input of one channel, two outputs: w[0, o, r, s] = 10 o + 2 r + s.
        double[] y = TransposedConv2x2Reference.Forward([2.0], [0, 1, 2, 3, 10, 11, 12, 13], [100, 200], 1, 1);
        Assert.Equal([100, 220, 102, 222, 104, 224, 106, 226], y);
    }

    [Fact]
    public void Reference_gradients_are_the_numeric_ones()
    {
        const int N = 2, h = 2, w = 3, C = 3, O = 2;
        double[] x = Numbers.As<double>(Numbers.Uniform(1, N * h * w * C)), weight = Numbers.As<double>(Numbers.Uniform(2, C * O * 4)), bias = [0.3, -0.2];
        double[] dy = Numbers.As<double>(Numbers.Uniform(3, N * h * w * 4 * O));
        var (dx, dweight, dbias) = TransposedConv2x2Reference.Backward(dy, x, weight, O, h, w);
        Same(NumericGradient.Of(v => TransposedConv2x2Reference.Forward(v, weight, bias, h, w), x, dy), dx);
        Same(NumericGradient.Of(v => TransposedConv2x2Reference.Forward(x, v, bias, h, w), weight, dy), dweight);
        Same(NumericGradient.Of(v => TransposedConv2x2Reference.Forward(x, weight, v, h, w), bias, dy), dbias);

        static void Same(double[] numeric, double[] actual) => Assert.Equal(numeric, actual, (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_and_backward_match_the_reference(string backend)
    {
        foreach (var (N, h, w, C, O) in new[] { (1, 1, 1, 1, 1), (2, 1, 3, 5, 2), (1, 3, 2, 4, 17), (2, 2, 2, 9, 16), (1, 2, 5, 3, 33) })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
                Verify(backend, N, h, w, C, O, offset);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_and_backward_match_the_reference_at_larger_sizes(string backend)
    {
        Verify(backend, 2, 15, 15, 70, 64, Workbench.Aligned);
        Verify(backend, 3, 7, 9, 65, 130, Workbench.Odd);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var conv = backend.TransposedConv2x2;
        Tensor x = backend.Floats(2, 3, 4, 5), cells = backend.Floats(2, 3, 4, 24), y = backend.Floats(2, 6, 8, 6), bias = backend.Floats(6);
        var weight = backend.Weight(24, 5);
        Refused.With(() => conv.Forward(backend.Floats(2, 6, 8, 5), cells, x, weight, bias), "y", "[2, 6, 8, 5]", "twice the grid");
        Refused.With(() => conv.Forward(y, cells, backend.Floats(2, 4, 3, 5), weight, bias), "cells", "[2, 4, 3, 5]");
        Refused.With(() => conv.Forward(y, cells, x, weight, backend.Floats(5)), "bias", "[5]", "[6]");
        Refused.With(() => conv.Forward(y, cells, x, backend.Weight(24, 4), bias), "5", "4");
        Refused.With(() => conv.GatherCells(backend.Floats(2, 3, 4, 23), y), "23");
        Refused.With(() => conv.GatherCells(cells, other.Floats(2, 6, 8, 6)), "another");
        Refused.With(() => conv.BackwardParameters(backend.Floats(5, 6, 2, 1), bias, cells, y, x), "dweight", "60", "24 x 5");
        Assert.Equal(0, backend.Calls);
        conv.Forward(y, cells, x, weight, bias);
        conv.BackwardParameters(backend.Floats(5, 6, 2, 2), backend.Floats(6), cells, y, x);
        Assert.Equal(4, backend.Calls);
    }

    private static void Verify(string backend, int N, int h, int w, int C, int O, int offset)
    {
        using var bench = new Workbench(backend, offset);
        float[] x = Numbers.Uniform(C, N * h * w * C), weight = Numbers.Uniform(O, C * O * 4), bias = Numbers.Uniform(3, O), dy = Numbers.Uniform(4, N * h * w * 4 * O);
        float[] startWeight = Numbers.Uniform(5, weight.Length), startBias = Numbers.Uniform(6, O);
        double[] exactX = Numbers.As<double>(x), exactWeight = Numbers.As<double>(weight);
        string label = $"{backend} {N}x{h}x{w}, {C} to {O}, offset {offset}";
        var conv = bench.Backend.TransposedConv2x2;

        Tensor input = bench.Input("x", new(N, h, w, C), x), cells = bench.Output("cells", N, h, w, 4 * O), y = bench.Output("y", N, 2 * h, 2 * w, O);
        conv.Forward(y, cells, input, bench.Weight("w", weight, [], 4 * O, C, WeightLayout.InOut), bench.Input("bias", new(O), bias));
        Close.Verify(label, bench.Read(y), TransposedConv2x2Reference.Forward(exactX, exactWeight, Numbers.As<double>(bias), h, w),
            TransposedConv2x2Reference.Forward(x, weight, bias, h, w));

        Tensor gradient = bench.Input("dy", new(N, 2 * h, 2 * w, O), dy), dcells = bench.Output("dcells", N, h, w, 4 * O), dx = bench.Output("dx", N, h, w, C);
        Tensor dweight = bench.InOut("dweight", new(C, O, 2, 2), startWeight), dbias = bench.InOut("dbias", new(O), startBias);
        conv.GatherCells(dcells, gradient);
        using var transposed = bench.Backend.Linear.PackTransposed("w^T", weight, 4 * O, C, WeightLayout.InOut);
        conv.BackwardInput(dx, dcells, transposed);
        conv.BackwardParameters(dweight, dbias, dcells, gradient, input);
        var exact = TransposedConv2x2Reference.Backward(Numbers.As<double>(dy), exactX, exactWeight, O, h, w);
        var naive = TransposedConv2x2Reference.Backward(dy, x, weight, O, h, w);
        Close.Verify(label + " dx", bench.Read(dx), exact.DX, naive.DX);
        Close.Verify(label + " dweight", bench.Read(dweight), Numbers.Added(startWeight, exact.DWeight), Numbers.Added(startWeight, naive.DWeight));
        Close.Verify(label + " dbias", bench.Read(dbias), Numbers.Added(startBias, exact.DBias), Numbers.Added(startBias, naive.DBias));
    }
}
