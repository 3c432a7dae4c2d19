using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

/// <summary>Input, weight and bias gradients of the linear layer, and weights that change.</summary>
public sealed class LinearGradientTests
{
    [Fact]
    public void Reference_gradients_are_the_numeric_ones()
    {
        const int M = 4, N = 3, K = 5;
        double[] x = Numbers.As<double>(Numbers.Uniform(1, M * K)), w = Numbers.As<double>(Numbers.Uniform(2, N * K)), b = Numbers.As<double>(Numbers.Uniform(3, N));
        double[] dy = Numbers.As<double>(Numbers.Uniform(4, M * N));
        Same(NumericGradient.Of(v => LinearReference.Forward(v, w, b, K), x, dy), LinearReference.BackwardInput(dy, w, K));
        Same(NumericGradient.Of(v => LinearReference.Forward(x, v, b, K), w, dy), LinearReference.TransposedProduct(dy, x, M));
        Same(NumericGradient.Of(v => LinearReference.Forward(x, w, v, K), b, dy), LinearReference.ColumnSums(dy, N));

        static void Same(double[] numeric, double[] actual) => Assert.Equal(numeric, actual, (a, c) => Math.Abs(a - c) < 1e-8);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Input_gradients_match_the_reference(string backend)
    {
        int round = 0;
        foreach (var (M, N, K) in new[] { (1, 1, 1), (3, 7, 5), (2, 16, 33), (17, 3, 20), (5, 33, 31) })
            foreach (var layout in new[] { WeightLayout.OutIn, WeightLayout.InOut })
                foreach (bool accumulate in new[] { false, true })
                {
                    using var bench = new Workbench(backend, round++ % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
                    float[] dy = Numbers.Uniform(M, M * N), w = Numbers.Uniform(N, N * K), start = Numbers.Uniform(7, M * K);
                    float[] stored = layout == WeightLayout.OutIn ? w : LinearReference.Transpose(w, K);
                    using var transposed = bench.Backend.Linear.PackTransposed("w^T", stored, N, K, layout);
                    var dx = accumulate ? bench.InOut("dx", new(M, K), start) : bench.Output("dx", M, K);
                    bench.Backend.Linear.BackwardInput(dx, bench.Input("dy", new(M, N), dy), transposed, accumulate);
                    double[] exact = LinearReference.BackwardInput(Numbers.As<double>(dy), Numbers.As<double>(w), K);
                    float[] naive = LinearReference.BackwardInput(dy, w, K);
                    Close.Verify($"{backend} {M}x{N}x{K} {layout} {accumulate}", bench.Read(dx), accumulate ? Numbers.Added(start, exact) : exact,
                        accumulate ? Numbers.Added(start, naive) : naive);
                }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Parameter_gradients_match_the_reference(string backend)
    {
        int round = 0;
        foreach (var (R, N, K) in new[] { (1, 1, 1), (4, 3, 5), (2, 33, 7), (9, 16, 32), (70, 5, 34), (131, 2, 3) })
            foreach (var layout in new[] { WeightLayout.OutIn, WeightLayout.InOut })
                VerifyParameters(backend, R, N, K, layout, round++ % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Parameter_gradients_match_the_reference_at_training_sizes(string backend)
    {
        int round = 0;
        foreach (var (R, N, K) in new[] { (4, 896, 640), (2000, 64, 40), (1793, 129, 97), (3600, 40, 256), (13, 257, 1023), (5000, 7, 3) })
            VerifyParameters(backend, R, N, K, round % 2 == 0 ? WeightLayout.OutIn : WeightLayout.InOut, round++ % 3 == 0 ? Workbench.Odd : Workbench.Aligned);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Repacked_weights_are_the_new_ones(string backend)
    {
        int round = 0;
        foreach (var (N, K) in new[] { (1, 1), (3, 5), (33, 31), (40, 70), (130, 9) })
            foreach (var layout in new[] { WeightLayout.OutIn, WeightLayout.InOut })
                foreach (bool hasBias in new[] { true, false })
                {
                    using var bench = new Workbench(backend, round++ % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
                    float[] x = Numbers.Uniform(1, 3 * K), w = Numbers.Uniform(2, N * K), b = hasBias ? Numbers.Uniform(3, N) : [];
                    float[] stored = layout == WeightLayout.OutIn ? w : LinearReference.Transpose(w, K);
                    var packed = bench.Weight("w", Numbers.Uniform(4, N * K), hasBias ? Numbers.Uniform(5, N) : [], N, K);
                    bench.Backend.Linear.Repack(packed, bench.Input("new", new(N * K), stored), hasBias ? bench.Input("bias", new(N), b) : null, layout);
                    var y = bench.Output("y", 3, N);
                    bench.Backend.Linear.Forward(y, bench.Input("x", new(3, K), x), packed);
                    Close.Verify($"{backend} {N}x{K} {layout} {hasBias}", bench.Read(y),
                        LinearReference.Forward(Numbers.As<double>(x), Numbers.As<double>(w), Numbers.As<double>(b), K), LinearReference.Forward(x, w, b, K));
                }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Repacked_transposed_weights_are_the_new_ones(string backend)
    {
        const int M = 3, N = 33, K = 21;
        foreach (var layout in new[] { WeightLayout.OutIn, WeightLayout.InOut })
        {
            using var bench = new Workbench(backend);
            float[] dy = Numbers.Uniform(1, M * N), w = Numbers.Uniform(2, N * K), stored = layout == WeightLayout.OutIn ? w : LinearReference.Transpose(w, K);
            using var transposed = bench.Backend.Linear.PackTransposed("w^T", Numbers.Uniform(3, N * K), N, K, layout);
            bench.Backend.Linear.Repack(transposed, bench.Input("new", new(N * K), stored), null, layout == WeightLayout.OutIn ? WeightLayout.InOut : WeightLayout.OutIn);
            var dx = bench.Output("dx", M, K);
            bench.Backend.Linear.BackwardInput(dx, bench.Input("dy", new(M, N), dy), transposed);
            Close.Verify($"{backend} {layout}", bench.Read(dx), LinearReference.BackwardInput(Numbers.As<double>(dy), Numbers.As<double>(w), K), LinearReference.BackwardInput(dy, w, K));
        }
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var linear = backend.Linear;
        Tensor dy = backend.Floats(3, 4), x = backend.Floats(3, 5);
        using var transposed = linear.PackTransposed("t", new float[20], 4, 5);
        Assert.Equal((5, 4), (transposed.OutFeatures, transposed.InFeatures));
        Refused.With(() => linear.BackwardInput(backend.Floats(3, 4), dy, transposed), "dx", "[3, 4]", "3 rows of 5");
        Refused.With(() => linear.BackwardInput(x, backend.Floats(3, 5), transposed), "dy", "5", "4");
        Refused.With(() => linear.BackwardInput(x, dy, backend.Weight(5, 4, bias: true)), "bias", "transposed");
        Refused.With(() => linear.BackwardInput(x, dy, other.Weight(5, 4)), "another");
        Refused.With(() => linear.BackwardParameters(backend.Floats(4, 4), dy, x), "dweight", "16", "4 x 5");
        Refused.With(() => linear.BackwardParameters(backend.Floats(4, 5), dy, backend.Floats(2, 5)), "3 rows", "2");
        Refused.With(() => linear.BackwardBias(backend.Floats(5), dy), "dbias", "[5]", "[4]");
        Refused.With(() => linear.Repack(backend.Weight(4, 5), backend.Floats(4, 4)), "weight", "16", "4 x 5");
        Refused.With(() => linear.Repack(backend.Weight(4, 5), backend.Floats(4, 5), backend.Floats(4)), "without a bias");
        Refused.With(() => linear.Repack(backend.Weight(4, 5, bias: true), backend.Floats(4, 5)), "with a bias");
        Assert.Equal(0, backend.Calls);
        linear.BackwardParameters(backend.Floats(20), dy, x, WeightLayout.InOut);
        linear.BackwardBias(backend.Floats(4), dy);
        linear.Repack(backend.Weight(4, 5, bias: true), backend.Floats(20), backend.Floats(4), WeightLayout.InOut);
        Assert.Equal(3, backend.Calls);
    }

    private static void VerifyParameters(string backend, int R, int N, int K, WeightLayout layout, int offset)
    {
        using var bench = new Workbench(backend, offset);
        float[] dy = Numbers.Uniform(N, R * N), x = Numbers.Uniform(K, R * K), startWeight = Numbers.Uniform(3, N * K), startBias = Numbers.Uniform(4, N);
        Tensor gradient = bench.Input("dy", new(R, N), dy), input = bench.Input("x", new(R, K), x);
        Tensor dweight = bench.InOut("dweight", layout == WeightLayout.OutIn ? new(N, K) : new(K, N), startWeight), dbias = bench.InOut("dbias", new(N), startBias);
        bench.Backend.Linear.BackwardParameters(dweight, gradient, input, layout);
        bench.Backend.Linear.BackwardBias(dbias, gradient);
        var (left, right) = layout == WeightLayout.OutIn ? (dy, x) : (x, dy);
        double[] exact = LinearReference.TransposedProduct(Numbers.As<double>(left), Numbers.As<double>(right), R);
        string label = $"{backend} {R} rows, {N}x{K}, {layout}, offset {offset}";
        Close.Verify(label, bench.Read(dweight), Numbers.Added(startWeight, exact), Numbers.Added(startWeight, LinearReference.TransposedProduct(left, right, R)));
        Close.Verify(label + " bias", bench.Read(dbias), Numbers.Added(startBias, LinearReference.ColumnSums(Numbers.As<double>(dy), N)),
            Numbers.Added(startBias, LinearReference.ColumnSums(dy, N)));
    }
}
