using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class DiceTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference(string backend)
    {
        foreach (var (N, R) in new[] { (1, 1), (2, 1), (3, 7), (2, 16), (1, 63), (3, 65), (2, 255), (1, 1024), (2, 1025) })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
                Verify(backend, N, R, Numbers.Uniform(R, N * R, 6, -1), Masks(N, R), 1, offset);
        Verify(backend, 1, 6000, Numbers.Uniform(1, 6000, 4), Masks(1, 6000), 1e-5f, Workbench.Odd);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Both_passes_match_the_reference_at_the_size_of_a_map(string backend)
        => Verify(backend, 3, 57600, Numbers.Uniform(1, 3 * 57600, 8, -3), Masks(3, 57600), 1, Workbench.Aligned);

    /// <summary>Nothing but epsilon in a sum, or a mask of half values: the contract allows both.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Empty_full_and_soft_masks(string backend)
    {
        float[] masks = [.. new float[9], .. Enumerable.Repeat(1f, 9), .. Enumerable.Repeat(0.5f, 9)];
        Verify(backend, 3, 9, Numbers.Uniform(2, 27, 3), masks, 1e-3f, Workbench.Aligned);
        Verify(backend, 3, 9, [.. Enumerable.Repeat(-30f, 27)], masks, 1, Workbench.Aligned);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Extreme_logits_are_finite_and_right(string backend)
    {
        float[] logits = [-1e4f, -100, 100, 1e4f, -1e4f, -100, 100, 1e4f], masks = [0, 0, 1, 1, 1, 1, 0, 0];
        Verify(backend, 2, 4, logits, masks, 1, Workbench.Aligned);
        Verify(backend, 8, 1, logits, masks, 1, Workbench.Odd);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_logit_that_is_no_number_is_seen_in_the_loss(string backend)
    {
        using var bench = new Workbench(backend);
        Tensor loss = bench.Output("loss", 2), sums = bench.Output("sums", 2, 2);
        bench.Backend.Dice.Forward(loss, sums, bench.Input("logits", new(2, 2), [1, 2, float.NaN, 3]), bench.Input("masks", new(2, 2), [0, 1, 0, 1]), 1);
        Assert.Equal([false, true], bench.Read(loss).Select(float.IsNaN));
    }

    [Theory, InlineData(1, 1f), InlineData(5, 1f), InlineData(6, 1e-3f)]
    public void Reference_gradient_is_the_numeric_one(int R, float epsilon)
    {
        const int N = 3;
        double[] logits = Numbers.As<double>(Numbers.Uniform(R, N * R, 3)), masks = Numbers.As<double>(Masks(N, R));
        double[] numeric = NumericGradient.Of(x => DiceReference.Forward(x, masks, R, epsilon).Loss, logits, [0.7, 0.7, 0.7]);
        double[] sums = DiceReference.Forward(logits, masks, R, (double)epsilon).Sums;
        Assert.Equal(numeric, DiceReference.BackwardInput(logits, masks, sums, R, epsilon, 0.7), (a, b) => Math.Abs(a - b) < 1e-8);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var dice = backend.Dice;
        Tensor loss = backend.Floats(2), sums = backend.Floats(2, 2), a = backend.Floats(2, 3, 4), y = backend.Floats(2, 3, 4), da = backend.Floats(2, 3, 4);
        Refused.With(() => dice.Forward(loss, sums, backend.Floats(24), backend.Floats(24), 1), "logits", "[24]", "[N, pixels]");
        Refused.With(() => dice.Forward(loss, sums, a, backend.Floats(2, 12), 1), "[2, 12]", "[2, 3, 4]");
        Refused.With(() => dice.Forward(loss, backend.Floats(4), a, y, 1), "sums", "[4]", "[2, 2]");
        Refused.With(() => dice.Forward(backend.Floats(3), sums, a, y, 1), "loss", "[3]", "[2]");
        Refused.With(() => dice.Forward(loss, sums, backend.Integers(2, 3, 4), y, 1), "I32", "F32");
        Refused.With(() => dice.Forward(loss, sums, a, other.Floats(2, 3, 4), 1), "another");
        Refused.With(() => dice.BackwardInput(backend.Floats(2, 12), a, y, sums, 1, 1), "dlogits", "[2, 12]", "[2, 3, 4]");
        Refused.With(() => dice.BackwardInput(da, a, y, backend.Floats(2), 1, 1), "sums", "[2]", "[2, 2]");
        foreach (float epsilon in new[] { 0, -1, float.NaN, float.PositiveInfinity })
        {
            Refused.With(() => dice.Forward(loss, sums, a, y, epsilon), "epsilon", "above 0");
            Refused.With(() => dice.BackwardInput(da, a, y, sums, epsilon, 1), "epsilon", "above 0");
        }
        Assert.Equal(0, backend.Calls);
        dice.Forward(loss, sums, a, y, 1);
        dice.BackwardInput(da, a, y, sums, 1, 0.5f);
        Assert.Equal(2, backend.Calls);
    }

    private static float[] Masks(int N, int R) => [.. Numbers.Uniform(N + R, N * R).Select(v => v > 0.4f ? 1f : 0f)];

    private static void Verify(string backend, int N, int R, float[] logits, float[] masks, float epsilon, int offset)
    {
        // So that a gradient is about 1, like what it is added to.
        float scale = R;
        string label = $"{backend} N {N}, R {R}, epsilon {epsilon}, offset {offset}";
        double[] exactLogits = Numbers.As<double>(logits), exactMasks = Numbers.As<double>(masks);
        var exact = DiceReference.Forward(exactLogits, exactMasks, R, epsilon);
        var naive = DiceReference.Forward(logits, masks, R, epsilon);
        // The backend and the plain float loop get the same rounded sums of the forward pass.
        float[] sums = Array.ConvertAll(exact.Sums, v => (float)v), before = Numbers.Uniform(3, N * R);

        using var bench = new Workbench(backend, offset);
        Shape maps = new(N, R);
        Tensor a = bench.Input("logits", maps, logits), y = bench.Input("masks", maps, masks);
        Tensor loss = bench.Output("loss", N), saved = bench.Output("sums", N, 2), dlogits = bench.InOut("dlogits", maps, before);
        bench.Backend.Dice.Forward(loss, saved, a, y, epsilon);
        bench.Backend.Dice.BackwardInput(dlogits, a, y, bench.Input("saved", new(N, 2), sums), epsilon, scale);
        Close.Verify(label + ", loss", bench.Read(loss), exact.Loss, naive.Loss, 1);
        Close.Verify(label + ", sums", bench.Read(saved), exact.Sums, naive.Sums);
        double[] exactGradient = DiceReference.BackwardInput(exactLogits, exactMasks, exact.Sums, R, epsilon, scale);
        float[] naiveGradient = DiceReference.BackwardInput(logits, masks, sums, R, epsilon, scale);
        Close.Verify(label + ", dlogits", bench.Read(dlogits), Numbers.Added(before, exactGradient), Numbers.Added(before, naiveGradient));
    }
}
