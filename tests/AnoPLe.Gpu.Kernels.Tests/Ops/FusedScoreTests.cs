using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class FusedScoreTests
{
    private const float Epsilon = 1e-8f;

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        foreach (int count in new[] { 1, 2, 15, 16, 17, 63, 64, 65, 255, 257, 1023, 2049 })
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
            {
                Verify(backend, Numbers.Uniform(count, count, 6), Numbers.Uniform(count + 1, count, 1, 1), Epsilon, offset);
                Verify(backend, Numbers.Uniform(count, count, 6), null, Epsilon, offset);
            }
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_the_size_of_maps(string backend)
        => Verify(backend, Numbers.Uniform(1, 8 * 57600, 6, -3), Numbers.Uniform(2, 8 * 57600, 0.5f, 0.5f), Epsilon, Workbench.Aligned);

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Extreme_logits_and_no_distance_are_finite_and_right(string backend)
    {
        float[] logits = [-1e4f, -100, 0, 100, 1e4f, -1e4f, -100, 0, 100, 1e4f], memory = [0, 0, 0, 0, 0, 2, 2, 2, 2, 2];
        Verify(backend, logits, memory, Epsilon, Workbench.Aligned);
        Verify(backend, logits, memory, 1, Workbench.Aligned);
        Verify(backend, logits, null, Epsilon, Workbench.Aligned);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void In_place_gives_the_same_bits(string backend)
    {
        const int count = 77;
        using var bench = new Workbench(backend, Workbench.Odd);
        var operation = bench.Backend.FusedScore;
        float[] logits = Numbers.Uniform(1, count, 3), memory = Numbers.Uniform(2, count, 1, 1);
        Tensor a = bench.Input("logits", new(count), logits), q = bench.Input("memory", new(count), memory), y = bench.Output("y", count);
        Tensor overLogits = bench.InOut("over logits", new(count), logits), overMemory = bench.InOut("over memory", new(count), memory);
        operation.Forward(y, a, q, Epsilon);
        operation.Forward(overLogits, overLogits, q, Epsilon);
        operation.Forward(overMemory, a, overMemory, Epsilon);
        Close.VerifySame("over the logits", bench.Read(overLogits), bench.Read(y));
        Close.VerifySame("over the memory", bench.Read(overMemory), bench.Read(y));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var score = backend.FusedScore;
        Tensor y = backend.Floats(2, 3, 4), a = backend.Floats(2, 3, 4), q = backend.Floats(2, 3, 4);
        Refused.With(() => score.Forward(backend.Floats(2, 12), a, q, 1), "y", "[2, 12]", "[2, 3, 4]");
        Refused.With(() => score.Forward(y, a, backend.Floats(2, 12), 1), "memory", "[2, 12]", "[2, 3, 4]");
        Refused.With(() => score.Forward(y, backend.Integers(2, 3, 4), q, 1), "I32", "F32");
        Refused.With(() => score.Forward(y, a, other.Floats(2, 3, 4), 1), "another");
        foreach (float epsilon in new[] { 0, -1, float.NaN, float.PositiveInfinity })
            Refused.With(() => score.Forward(y, a, null, epsilon), "epsilon", "above 0");
        Assert.Equal(0, backend.Calls);
        score.Forward(a, a, q, 1);
        score.Forward(q, a, null, 1);
        Assert.Equal(2, backend.Calls);
    }

    private static void Verify(string backend, float[] logits, float[]? memory, float epsilon, int offset)
    {
        using var bench = new Workbench(backend, offset);
        int count = logits.Length;
        var y = bench.Output("y", count);
        bench.Backend.FusedScore.Forward(y, bench.Input("logits", new(count), logits), memory is null ? null : bench.Input("memory", new(count), memory), epsilon);
        double[] exact = FusedScoreReference.Forward(Numbers.As<double>(logits), memory is null ? null : Numbers.As<double>(memory), epsilon);
        Close.Verify($"{backend} {count}, memory {memory is not null}, offset {offset}", bench.Read(y), exact, FusedScoreReference.Forward(logits, memory, epsilon));
    }
}
