using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class FocalTests
{
    private static readonly float[] Gammas = [0, 0.5f, 1, 2, 3.7f];

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference(string backend)
    {
        foreach (var (N, R) in new[] { (1, 1), (2, 1), (3, 7), (2, 16), (1, 63), (3, 65), (2, 255), (1, 1024), (2, 1025) })
            foreach (float gamma in Gammas)
                Verify(backend, N, R, Numbers.Uniform(R, N * R, 6, -1), gamma, R % 2 == 0 ? Workbench.Aligned : Workbench.Odd);
        Verify(backend, 1, 6000, Numbers.Uniform(1, 6000, 4), 2, Workbench.Odd);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference_at_the_size_of_a_map(string backend)
    {
        foreach (float gamma in Gammas)
            Verify(backend, 3, 57600, Numbers.Uniform(1, 3 * 57600, 8, -3), gamma, Workbench.Aligned);
    }

    /// <summary>Each pixel alone, so that small losses are not lost beside large ones.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Extreme_logits_are_finite_and_right(string backend)
    {
        float[] logits = [-1e4f, -100, -20, 20, 100, 1e4f, -1e4f, -100, -20, 20, 100, 1e4f], masks = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1];
        int N = logits.Length;
        foreach (float gamma in Gammas)
        {
            using var bench = new Workbench(backend);
            Tensor a = bench.Input("logits", new(N, 1), logits), y = bench.Input("masks", new(N, 1), masks);
            Tensor loss = bench.Output("loss", N), dlogits = bench.InOut("dlogits", new(N, 1), new float[N]);
            bench.Backend.Focal.Forward(loss, a, y, gamma);
            bench.Backend.Focal.BackwardInput(dlogits, a, y, gamma, 1);
            double[] exactLogits = Numbers.As<double>(logits), exactMasks = Numbers.As<double>(masks);
            Near(FocalReference.Forward(exactLogits, exactMasks, 1, (double)gamma), bench.Read(loss));
            Near(FocalReference.BackwardInput(exactLogits, exactMasks, 1, gamma, 1), bench.Read(dlogits));
        }

        static void Near(double[] expected, float[] actual)
            => Assert.Equal(expected, actual.Select(v => (double)v), (e, a) => Math.Abs(e - a) <= 2e-5 * Math.Abs(e) + 1e-33);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_logit_that_is_no_number_is_seen_in_the_loss(string backend)
    {
        foreach (float gamma in Gammas)
        {
            using var bench = new Workbench(backend);
            var loss = bench.Output("loss", 2);
            bench.Backend.Focal.Forward(loss, bench.Input("logits", new(2, 2), [1, 2, float.NaN, 3]), bench.Input("masks", new(2, 2), [0, 1, 0, 1]), gamma);
            Assert.Equal([false, true], bench.Read(loss).Select(float.IsNaN));
        }
    }

    [Theory, InlineData(0f), InlineData(0.5f), InlineData(1f), InlineData(2f), InlineData(3.7f)]
    public void Reference_gradient_is_the_numeric_one(float gamma)
    {
        const int N = 3, R = 5;
        double[] logits = Numbers.As<double>(Numbers.Uniform(1, N * R, 4)), masks = Numbers.As<double>(Masks(N * R));
        double[] numeric = NumericGradient.Of(x => FocalReference.Forward(x, masks, R, gamma), logits, [0.7, 0.7, 0.7]);
        Assert.Equal(numeric, FocalReference.BackwardInput(logits, masks, R, gamma, 0.7), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Without_gamma_it_is_the_cross_entropy()
    {
        double[] logits = [-2, 0.5, 3], labels = [1, 0, 1];
        Assert.Equal(CrossEntropyReference.Forward(logits, labels, [1.0, 1, 1]), FocalReference.Forward(logits, labels, 1, 0.0));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var focal = backend.Focal;
        Tensor loss = backend.Floats(2), a = backend.Floats(2, 3, 4), y = backend.Floats(2, 3, 4), da = backend.Floats(2, 3, 4);
        Refused.With(() => focal.Forward(loss, backend.Floats(24), backend.Floats(24), 2), "logits", "[24]", "[N, pixels]");
        Refused.With(() => focal.Forward(loss, a, backend.Floats(2, 12), 2), "[2, 12]", "[2, 3, 4]");
        Refused.With(() => focal.Forward(backend.Floats(3), a, y, 2), "loss", "[3]", "[2]");
        Refused.With(() => focal.Forward(loss, backend.Integers(2, 3, 4), y, 2), "I32", "F32");
        Refused.With(() => focal.Forward(loss, a, other.Floats(2, 3, 4), 2), "another");
        Refused.With(() => focal.BackwardInput(backend.Floats(2, 12), a, y, 2, 1), "dlogits", "[2, 12]", "[2, 3, 4]");
        foreach (float gamma in new[] { -0.1f, float.NaN, float.PositiveInfinity })
        {
            Refused.With(() => focal.Forward(loss, a, y, gamma), "gamma", "at least 0");
            Refused.With(() => focal.BackwardInput(da, a, y, gamma, 1), "gamma", "at least 0");
        }
        Assert.Equal(0, backend.Calls);
        focal.Forward(loss, a, y, 0);
        focal.BackwardInput(da, a, y, 2, 0.5f);
        Assert.Equal(2, backend.Calls);
    }

    private static float[] Masks(int count) => [.. Numbers.Uniform(count, count).Select(v => v > 0.4f ? 1f : 0f)];

    private static void Verify(string backend, int N, int R, float[] logits, float gamma, int offset)
    {
        // So that a gradient is about 1, like what it is added to.
        float scale = R;
        string label = $"{backend} N {N}, R {R}, gamma {gamma}, offset {offset}";
        float[] masks = Masks(N * R), before = Numbers.Uniform(3, N * R);
        double[] exactLogits = Numbers.As<double>(logits), exactMasks = Numbers.As<double>(masks);

        using var bench = new Workbench(backend, offset);
        Shape maps = new(N, R);
        Tensor a = bench.Input("logits", maps, logits), y = bench.Input("masks", maps, masks);
        Tensor loss = bench.Output("loss", N), dlogits = bench.InOut("dlogits", maps, before);
        bench.Backend.Focal.Forward(loss, a, y, gamma);
        bench.Backend.Focal.BackwardInput(dlogits, a, y, gamma, scale);
        Close.Verify(label + ", loss", bench.Read(loss), FocalReference.Forward(exactLogits, exactMasks, R, (double)gamma), FocalReference.Forward(logits, masks, R, gamma));
        double[] exactGradient = FocalReference.BackwardInput(exactLogits, exactMasks, R, gamma, scale);
        float[] naiveGradient = FocalReference.BackwardInput(logits, masks, R, gamma, scale);
        Close.Verify(label + ", dlogits", bench.Read(dlogits), Numbers.Added(before, exactGradient), Numbers.Added(before, naiveGradient));
    }
}
