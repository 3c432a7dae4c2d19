using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class CrossEntropyTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference(string backend)
    {
        foreach (int N in new[] { 1, 2, 15, 16, 17, 63, 64, 65, 300, 2049 })
            foreach (float reach in new[] { 1f, 9f })
                Verify(backend, Numbers.Uniform(N, N, reach), N % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
    }

    /// <summary>Confident samples keep small losses and gradients, relative to themselves: 1 - sigmoid would lose them.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Extreme_logits_are_finite_and_right(string backend)
    {
        float[] logits = [-1e4f, -100, -20, 20, 100, 1e4f, -1e4f, -100, -20, 20, 100, 1e4f], labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1];
        int N = logits.Length;
        using var bench = new Workbench(backend);
        Tensor b = bench.Input("logits", new(N), logits), l = bench.Input("labels", new(N), labels), s = bench.Input("weights", new(N), [.. labels.Select(_ => 0.5f)]);
        Tensor loss = bench.Output("loss", N), dlogits = bench.InOut("dlogits", new(N), new float[N]);
        bench.Backend.CrossEntropy.Forward(loss, b, l, s);
        bench.Backend.CrossEntropy.BackwardInput(dlogits, b, l, s, 2);
        double[] x = [.. logits.Zip(labels, (v, label) => label == 1 ? -(double)v : v)];
        Near(x.Select(v => 0.5 * LogisticReference.Softplus(v)), bench.Read(loss));
        Near(x.Zip(labels, (v, label) => (label == 1 ? -1 : 1) * LogisticReference.Sigmoid(v)), bench.Read(dlogits));

        static void Near(IEnumerable<double> expected, float[] actual)
            => Assert.Equal(expected, actual.Select(v => (double)v), (e, a) => Math.Abs(e - a) <= 2e-5 * Math.Abs(e) + 1e-37);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_logit_that_is_no_number_is_seen_in_the_loss(string backend)
    {
        using var bench = new Workbench(backend);
        var loss = bench.Output("loss", 2);
        bench.Backend.CrossEntropy.Forward(loss, bench.Input("logits", new(2), [1, float.NaN]), bench.Input("labels", new(2), [1, 1]), bench.Input("weights", new(2), [1, 1]));
        Assert.Equal([false, true], bench.Read(loss).Select(float.IsNaN));
    }

    [Fact]
    public void Reference_gradient_is_the_numeric_one()
    {
        double[] logits = [-3, -0.5, 0, 0.5, 3, -2, 2], labels = [0, 1, 0, 1, 0, 1, 1], weights = [1, 0.5, 2, 0, 1, 1, 0.3];
        double[] numeric = NumericGradient.Of(x => CrossEntropyReference.Forward(x, labels, weights), logits, [.. logits.Select(_ => 0.7)]);
        Assert.Equal(numeric, CrossEntropyReference.BackwardInput(logits, labels, weights, 0.7), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var entropy = backend.CrossEntropy;
        Tensor loss = backend.Floats(3), b = backend.Floats(3), l = backend.Floats(3), s = backend.Floats(3), db = backend.Floats(3);
        Refused.With(() => entropy.Forward(loss, backend.Floats(3, 1), l, s), "[3, 1]", "1 axes");
        Refused.With(() => entropy.Forward(backend.Floats(2), b, l, s), "loss", "[2]", "[3]");
        Refused.With(() => entropy.Forward(loss, b, backend.Floats(2), s), "labels", "[2]", "[3]");
        Refused.With(() => entropy.Forward(loss, b, l, backend.Floats(1)), "weights", "[1]", "[3]");
        Refused.With(() => entropy.Forward(loss, b, backend.Integers(3), s), "labels", "I32", "F32");
        Refused.With(() => entropy.Forward(loss, b, other.Floats(3), s), "labels", "another");
        Refused.With(() => entropy.BackwardInput(backend.Floats(2), b, l, s, 1), "dlogits", "[2]", "[3]");
        Refused.With(() => entropy.BackwardInput(db, b, backend.Floats(2), s, 1), "labels", "[2]", "[3]");
        Refused.With(() => entropy.BackwardInput(db, b, l, backend.Floats(2), 1), "weights", "[2]", "[3]");
        Assert.Equal(0, backend.Calls);
        entropy.Forward(loss, b, l, s);
        entropy.BackwardInput(db, b, l, s, 0.5f);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, float[] logits, int offset)
    {
        const float scale = 0.7f;
        int N = logits.Length;
        string label = $"{backend} N {N}, offset {offset}";
        float[] labels = [.. Numbers.Uniform(N + 1, N).Select(v => v > 0 ? 1f : 0f)], weights = Numbers.Uniform(N + 2, N, 0.5f, 0.5f), before = Numbers.Uniform(N + 3, N);
        double[] exactLogits = Numbers.As<double>(logits), exactLabels = Numbers.As<double>(labels), exactWeights = Numbers.As<double>(weights);

        using var bench = new Workbench(backend, offset);
        Tensor b = bench.Input("logits", new(N), logits), l = bench.Input("labels", new(N), labels), s = bench.Input("weights", new(N), weights);
        Tensor loss = bench.Output("loss", N), dlogits = bench.InOut("dlogits", new(N), before);
        bench.Backend.CrossEntropy.Forward(loss, b, l, s);
        bench.Backend.CrossEntropy.BackwardInput(dlogits, b, l, s, scale);
        Close.Verify(label + ", loss", bench.Read(loss), CrossEntropyReference.Forward(exactLogits, exactLabels, exactWeights), CrossEntropyReference.Forward(logits, labels, weights));
        double[] exactGradient = CrossEntropyReference.BackwardInput(exactLogits, exactLabels, exactWeights, scale);
        float[] naiveGradient = CrossEntropyReference.BackwardInput(logits, labels, weights, scale);
        Close.Verify(label + ", dlogits", bench.Read(dlogits), Numbers.Added(before, exactGradient), Numbers.Added(before, naiveGradient));
    }
}
