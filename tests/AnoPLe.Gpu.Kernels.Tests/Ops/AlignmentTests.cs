using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class AlignmentTests
{
    private const float Epsilon = 1e-6f;

    [Fact]
    public void By_hand()
    {
        // Two cells with M = 1/2 and (almost) 1: p = ((4, 0)/2 + (0, 4)) / 1.5 points along (1, 2), z0 along (0, 1).
        var (loss, pooled, mass) = AlignmentReference.Forward([0.0, 3], [4, 0, 0, 4], [0, 50], [0.5], 1e-9);
        Assert.Equal(1.5, mass[0], 1e-8);
        Assert.Equal(4 / 3.0, pooled[0], 1e-8);
        Assert.Equal(8 / 3.0, pooled[1], 1e-8);
        Assert.Equal(0.5 * (1 - 2 / Math.Sqrt(5)), loss[0], 1e-8);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Reference_gradients_are_the_numeric_ones(bool detach)
    {
        const int N = 2, G = 3, d = 4;
        const double scale = 0.7, epsilon = 0.01;
        var o = Operands.Seeded(N, G, d);
        double[] z0 = Numbers.As<double>(o.Z0), features = Numbers.As<double>(o.Features), logits = Numbers.As<double>(o.Logits), weights = Numbers.As<double>(o.Weights);
        double[] dy = [scale, scale];
        var (_, pooled, mass) = AlignmentReference.Forward(z0, features, logits, weights, epsilon);
        var actual = AlignmentReference.BackwardInput(z0, features, logits, weights, pooled, mass, scale, detach);
        Same(NumericGradient.Of(v => AlignmentReference.Forward(v, features, logits, weights, epsilon).Loss, z0, dy), actual.DZ0);
        double[] none = new double[features.Length], noLogits = new double[logits.Length];
        Same(detach ? none : NumericGradient.Of(v => AlignmentReference.Forward(z0, v, logits, weights, epsilon).Loss, features, dy), actual.DFeatures);
        Same(detach ? noLogits : NumericGradient.Of(v => AlignmentReference.Forward(z0, features, v, weights, epsilon).Loss, logits, dy), actual.DLogits);

        static void Same(double[] numeric, double[] actual) => Assert.Equal(numeric, actual, (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_and_backward_match_the_reference(string backend)
    {
        foreach (var (N, G, d) in new[] { (1, 1, 1), (3, 1, 5), (2, 4, 7), (1, 9, 33), (4, 5, 64), (2, 3, 65) })
            foreach (bool detach in new[] { false, true })
                Verify(backend, Operands.Seeded(N, G, d), 0.8f, detach, detach ? Workbench.Odd : Workbench.Aligned);
    }

    /// <summary>Cells are pooled in chunks of 128.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_and_backward_match_the_reference_around_a_chunk_of_128_cells(string backend)
    {
        foreach (var (N, G, d) in new[] { (2, 127, 3), (1, 128, 5), (2, 129, 2), (1, 300, 4) })
            Verify(backend, Operands.Seeded(N, G, d), 1, detach: false, G % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_and_backward_match_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, Operands.Seeded(3, 3600, 640), 1, detach: false, Workbench.Aligned);
        Verify(backend, Operands.Seeded(65, 49, 257), 1, detach: false, Workbench.Odd);
    }

    /// <summary>exp of a large logit overflows unless its sign is looked at; masks then are all or nothing.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Large_logits_neither_overflow_nor_vanish(string backend)
    {
        var o = Operands.Seeded(2, 6, 9);
        Verify(backend, o with { Logits = [-120, 100, -3, 0, 30, 1, -90, -95, -80, -100, -110, -70] }, 1, detach: false, Workbench.Aligned);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Zero_features_have_no_direction(string backend)
    {
        var o = Operands.Seeded(3, 4, 6);
        Array.Clear(o.Z0, 0, 6);
        Array.Clear(o.Features, 4 * 6, 4 * 6);
        Verify(backend, o, 1, detach: false, Workbench.Aligned);
    }

    /// <summary>As training aligns the two, 1 - cosine must not drown in the rounding of the cosine.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Nearly_aligned_features_keep_their_small_loss(string backend)
    {
        const int d = 40;
        float[] z0 = Numbers.Uniform(1, d), cell = [.. z0.Select((v, i) => 3 * v + 1e-3f * MathF.Sin(i))];
        using var bench = new Workbench(backend);
        Tensor loss = bench.Output("loss", 1), pooled = bench.Output("pooled", 1, d), mass = bench.Output("mass", 1);
        bench.Backend.Alignment.Forward(loss, pooled, mass, bench.Input("z0", new(1, d), z0), bench.Input("features", new(1, 1, d), cell),
            bench.Input("logits", new(1, 1), [2]), bench.Input("weights", new(1), [1]), Epsilon);
        double exact = AlignmentReference.Forward(Numbers.As<double>(z0), Numbers.As<double>(cell), [2], [1], Epsilon).Loss[0];
        Assert.InRange(exact, 1e-9, 1e-6);
        Assert.Equal(1, bench.Read(loss)[0] / exact, 2e-3);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var alignment = backend.Alignment;
        Tensor loss = backend.Floats(2), pooled = backend.Floats(2, 8), mass = backend.Floats(2), z0 = backend.Floats(2, 8), features = backend.Floats(2, 3, 3, 8);
        Tensor logits = backend.Floats(2, 3, 3), weights = backend.Floats(2);
        Refused.With(() => alignment.Forward(loss, pooled, mass, backend.Floats(16), features, logits, weights, 1), "[16]", "2 axes");
        Refused.With(() => alignment.Forward(loss, pooled, mass, z0, backend.Floats(3, 9, 8), logits, weights, 1), "features", "[3, 9, 8]", "[2, cells, 8]");
        Refused.With(() => alignment.Forward(loss, pooled, mass, z0, backend.Floats(2, 9, 7), logits, weights, 1), "features", "[2, 9, 7]", "[2, cells, 8]");
        Refused.With(() => alignment.Forward(loss, pooled, mass, z0, features, backend.Floats(2, 8), weights, 1), "logits", "16", "18");
        Refused.With(() => alignment.Forward(loss, backend.Floats(2, 7), mass, z0, features, logits, weights, 1), "pooled", "[2, 7]", "[2, 8]");
        Refused.With(() => alignment.Forward(loss, pooled, backend.Floats(3), z0, features, logits, weights, 1), "mass", "[3]", "[2]");
        Refused.With(() => alignment.Forward(loss, pooled, mass, z0, features, logits, backend.Floats(1), 1), "weights", "[1]", "[2]");
        Refused.With(() => alignment.Forward(backend.Floats(1), pooled, mass, z0, features, logits, weights, 1), "loss", "[1]", "[2]");
        Refused.With(() => alignment.Forward(loss, pooled, mass, z0, features, other.Floats(2, 3, 3), weights, 1), "logits", "another");
        foreach (float epsilon in new[] { 0, -1, float.NaN })
            Refused.With(() => alignment.Forward(loss, pooled, mass, z0, features, logits, weights, epsilon), "epsilon", "above 0");
        Assert.Equal(0, backend.Calls);
        alignment.Forward(loss, pooled, mass, z0, features, logits, weights, Epsilon);
        Assert.Equal(1, backend.Calls);
    }

    [Fact]
    public void Bad_arguments_of_the_backward_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var alignment = backend.Alignment;
        Tensor dz0 = backend.Floats(2, 8), dfeatures = backend.Floats(2, 9, 8), dlogits = backend.Floats(2, 9), z0 = backend.Floats(2, 8), features = backend.Floats(2, 9, 8);
        Tensor logits = backend.Floats(2, 9), weights = backend.Floats(2), pooled = backend.Floats(2, 8), mass = backend.Floats(2);
        Refused.With(() => Call(backend.Floats(8, 2), dfeatures, dlogits, features), "dz0", "[8, 2]", "[2, 8]");
        Refused.With(() => Call(dz0, backend.Floats(2, 3, 3, 8), dlogits, features), "dfeatures", "[2, 3, 3, 8]", "[2, 9, 8]");
        Refused.With(() => Call(dz0, dfeatures, backend.Floats(18), features), "dlogits", "[18]", "[2, 9]");
        Refused.With(() => Call(dz0, dfeatures, dlogits, backend.Floats(2, 9, 7)), "features", "[2, 9, 7]", "[2, cells, 8]");
        Refused.With(() => Call(dz0, other.Floats(2, 9, 8), dlogits, features), "dfeatures", "another");
        Assert.Equal(0, backend.Calls);
        Call(dz0, dfeatures, dlogits, features);
        Assert.Equal(1, backend.Calls);

        void Call(Tensor dz, Tensor df, Tensor dl, Tensor f) => alignment.BackwardInput(dz, df, dl, z0, f, logits, weights, pooled, mass, 1);
    }

    private static void Verify(string backend, Operands o, float scale, bool detach, int offset)
    {
        int N = o.Weights.Length, d = o.Z0.Length / N, G = o.Logits.Length / N;
        Shape rows = new(N, d), cells = new(N, G, d), masks = new(N, G), samples = new(N);
        double[] exactZ0 = Numbers.As<double>(o.Z0), exactFeatures = Numbers.As<double>(o.Features), exactLogits = Numbers.As<double>(o.Logits), exactWeights = Numbers.As<double>(o.Weights);
        var exact = AlignmentReference.Forward(exactZ0, exactFeatures, exactLogits, exactWeights, Epsilon);
        var naive = AlignmentReference.Forward(o.Z0, o.Features, o.Logits, o.Weights, Epsilon);
        string label = $"{backend} N {N}, G {G}, d {d}, detach {detach}, offset {offset}";

        using var bench = new Workbench(backend, offset);
        Tensor z0 = bench.Input("z0", rows, o.Z0), features = bench.Input("features", cells, o.Features), logits = bench.Input("logits", masks, o.Logits);
        Tensor weights = bench.Input("weights", samples, o.Weights), loss = bench.Output("loss", N), pooled = bench.Output("pooled", N, d), mass = bench.Output("mass", N);
        bench.Backend.Alignment.Forward(loss, pooled, mass, z0, features, logits, weights, Epsilon);
        Close.Verify($"{label}, loss", bench.Read(loss), exact.Loss, naive.Loss, 1);
        Close.Verify($"{label}, pooled", bench.Read(pooled), exact.Pooled, naive.Pooled);
        Close.Verify($"{label}, mass", bench.Read(mass), exact.Mass, naive.Mass);

        // The backend and the plain float loop get the same rounded results of the forward pass.
        float[] roundedPooled = Array.ConvertAll(exact.Pooled, v => (float)v), roundedMass = Array.ConvertAll(exact.Mass, v => (float)v);
        var exactGradients = AlignmentReference.BackwardInput(exactZ0, exactFeatures, exactLogits, exactWeights, Numbers.As<double>(roundedPooled), Numbers.As<double>(roundedMass), scale, detach);
        var naiveGradients = AlignmentReference.BackwardInput(o.Z0, o.Features, o.Logits, o.Weights, roundedPooled, roundedMass, scale, detach);
        float[] beforeZ0 = Numbers.Uniform(1, rows.Count), beforeFeatures = Numbers.Uniform(2, cells.Count), beforeLogits = Numbers.Uniform(3, masks.Count);
        Tensor dz0 = bench.InOut("dz0", rows, beforeZ0), dfeatures = bench.InOut("dfeatures", cells, beforeFeatures), dlogits = bench.InOut("dlogits", masks, beforeLogits);
        bench.Backend.Alignment.BackwardInput(dz0, dfeatures, dlogits, z0, features, logits, weights, bench.Input("pooled", rows, roundedPooled),
            bench.Input("mass", samples, roundedMass), scale, detach);
        // Both unit gradients cancel where the features align, entirely when d is 1: errors are relative to scale s / |x|.
        double toZ = Longest(exactZ0, d), toP = Longest(exact.Pooled, d);
        Close.Verify($"{label}, dz0", bench.Read(dz0), Numbers.Added(beforeZ0, exactGradients.DZ0), Numbers.Added(beforeZ0, naiveGradients.DZ0), Math.Max(1, toZ));
        Close.Verify($"{label}, dfeatures", bench.Read(dfeatures), Numbers.Added(beforeFeatures, exactGradients.DFeatures), Numbers.Added(beforeFeatures, naiveGradients.DFeatures), Math.Max(1, toP));
        Close.Verify($"{label}, dlogits", bench.Read(dlogits), Numbers.Added(beforeLogits, exactGradients.DLogits), Numbers.Added(beforeLogits, naiveGradients.DLogits), Math.Max(1, toP));
    }

    /// <summary>The largest scale of a row's unit vector.</summary>
    private static double Longest(double[] rows, int d)
        => Enumerable.Range(0, rows.Length / d).Max(n => 1 / Math.Sqrt(rows.AsSpan(n * d, d).ToArray().Sum(v => v * v) + 1e-12));

    private sealed record Operands(float[] Z0, float[] Features, float[] Logits, float[] Weights)
    {
        public static Operands Seeded(int N, int G, int d)
            => new(Numbers.Uniform(d, N * d), Numbers.Uniform(d + 1, N * G * d, 1, 0.2f), Numbers.Uniform(G, N * G, 4, -1), Numbers.Uniform(N, N, 0.5f, 0.5f));
    }
}
