using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class AdamWTests
{
    private static readonly AdamWStep Usual = new(1e-2, 1e-2, 0.9, 0.999, 1e-8, 1);

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Five_steps_follow_the_plain_recurrence(string backend)
    {
        foreach (int count in new[] { 1, 3, 4, 7, 16, 17, 63, 65, 255, 256, 257, 1031 })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
                Verify(backend, count, Usual, offset);
        foreach (var step in new[] { Usual with { WeightDecay = 0 }, Usual with { Beta1 = 0, Beta2 = 0 }, Usual with { Epsilon = 0.1 }, Usual with { LearningRate = 0 } })
            Verify(backend, 70, step, Workbench.Aligned);
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Five_steps_follow_the_plain_recurrence_at_decoder_size(string backend)
    {
        Verify(backend, 640 * 1024, Usual, Workbench.Aligned);
        Verify(backend, 640 * 1024 + 3, Usual, Workbench.Odd);
    }

    /// <summary>The first step moves every parameter by the learning rate against the sign of its gradient, however small that is.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void The_first_step_is_the_learning_rate_whatever_the_gradient(string backend)
    {
        using var bench = new Workbench(backend);
        float[] gradients = [1e-5f, -1e-5f, 1e8f, -1e8f, 0];
        var parameters = bench.InOut("parameters", new(5), new float[5]);
        bench.Backend.AdamW.Update(parameters, bench.InOut("first", new(5), new float[5]), bench.InOut("second", new(5), new float[5]),
            bench.Input("gradients", new(5), gradients), Usual with { LearningRate = 0.5, Epsilon = 1e-12 });
        float[] expected = [-0.5f, 0.5f, -0.5f, 0.5f, 0];
        Assert.Equal(expected, bench.Read(parameters), (e, a) => Math.Abs(e - a) < 1e-6);
    }

    [Fact]
    public void Factors_of_a_step_are_those_of_the_formula()
    {
        var step = new AdamWStep(0.1, 0.5, 0.9, 0.99, 1e-8, 2);
        Assert.Equal(0.95f, AdamW.Shrink(step));
        Assert.Equal((float)(0.1 / 0.19), AdamW.StepSize(step), 1e-7f);
        Assert.Equal((float)(1 / Math.Sqrt(0.0199)), AdamW.RootScale(step), 1e-6f);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var adam = backend.AdamW;
        Tensor p = backend.Floats(2, 3), m = backend.Floats(2, 3), v = backend.Floats(2, 3), g = backend.Floats(2, 3);
        Refused.With(() => adam.Update(p, backend.Floats(6), v, g, Usual), "[6]", "[2, 3]");
        Refused.With(() => adam.Update(p, m, backend.Floats(6), g, Usual), "[6]", "[2, 3]");
        Refused.With(() => adam.Update(p, m, v, backend.Floats(3, 2), Usual), "[3, 2]", "[2, 3]");
        Refused.With(() => adam.Update(backend.Integers(2, 3), m, v, g, Usual), "I32", "F32");
        Refused.With(() => adam.Update(p, m, v, other.Floats(2, 3), Usual), "another");
        Refused.With(() => adam.Update(p, m, v, g, Usual with { Step = 0 }), "count from 1", "0");
        foreach (var step in new[] { Usual with { LearningRate = -1 }, Usual with { WeightDecay = double.NaN }, Usual with { Epsilon = 0 }, Usual with { Beta1 = 1 }, Usual with { Beta2 = -0.1 } })
            Refused.With(() => adam.Update(p, m, v, g, step), "learning rate", "betas in [0, 1)");
        Assert.Equal(0, backend.Calls);
        adam.Update(p, m, v, g, Usual);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, int count, AdamWStep settings, int offset)
    {
        using var bench = new Workbench(backend, offset);
        float[] parameters = Numbers.Uniform(count, count), first = new float[count], second = new float[count];
        double[] exactParameters = Numbers.As<double>(parameters), exactFirst = new double[count], exactSecond = new double[count];
        Tensor p = bench.InOut("parameters", new(count), parameters), m = bench.InOut("first", new(count), first), v = bench.InOut("second", new(count), second);
        for (int k = 1; k <= 5; k++)
        {
            float[] gradients = Numbers.Uniform(count + k, count, 3 - 0.5f * k);
            var step = settings with { Step = k };
            AdamWReference.Update(exactParameters, exactFirst, exactSecond, Numbers.As<double>(gradients), step);
            AdamWReference.Update(parameters, first, second, gradients, step);
            bench.Backend.AdamW.Update(p, m, v, bench.Input("gradients", new(count), gradients), step);
        }
        string label = $"{backend} {count}, {settings}, offset {offset}";
        Close.Verify(label + " parameters", bench.Read(p), exactParameters, parameters);
        Close.Verify(label + " first moment", bench.Read(m), exactFirst, first);
        Close.Verify(label + " second moment", bench.Read(v), exactSecond, second);
    }
}
