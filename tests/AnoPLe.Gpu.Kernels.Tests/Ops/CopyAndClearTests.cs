using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

/// <summary>The backend's own operations on memory: they write a view completely, and nothing around it.</summary>
public sealed class CopyAndClearTests
{
    private static readonly int[] Counts = [1, 3, 16, 17, 64, 255, 1025, 100_003];

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_copy_has_the_bits_of_its_source(string backend)
    {
        foreach (int count in Counts)
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
            {
                using var bench = new Workbench(backend, offset);
                float[] values = Numbers.Uniform(count, count);
                values[0] = float.NaN;
                var target = bench.Output("target", count);
                bench.Backend.Copy(target, bench.Input("source", new(1, count), values));
                Close.VerifySame($"{backend} {count}, offset {offset}", bench.Read(target), values);
            }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Clearing_leaves_zeros(string backend)
    {
        foreach (int count in Counts)
            foreach (int offset in new[] { Workbench.Aligned, Workbench.Odd })
            {
                using var bench = new Workbench(backend, offset);
                var tensor = bench.Output("tensor", count);
                bench.Backend.Clear(tensor);
                Close.VerifySame($"{backend} {count}, offset {offset}", bench.Read(tensor), new float[count]);
            }
    }

    /// <summary>Both are enqueued like any operation: after what came before, before what comes next.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void They_keep_their_place_among_operations(string backend)
    {
        const int C = 4096;
        using var bench = new Workbench(backend);
        Tensor x = bench.Input("x", new(1, C), Numbers.Uniform(1, C)), y = bench.Output("y", 1, C), kept = bench.Output("kept", 1, C), sum = bench.Output("sum", 1, C);
        bench.Backend.Clear(sum);
        bench.Backend.LatentNoise.BackwardInput(sum, x);
        bench.Backend.Copy(y, sum);
        bench.Backend.Clear(sum);
        bench.Backend.LatentNoise.BackwardInput(y, x);
        bench.Backend.Copy(kept, y);
        bench.Backend.Clear(y);
        Close.VerifySame("kept", bench.Read(kept), [.. Numbers.Uniform(1, C).Select(v => 2 * v)]);
        Close.VerifySame("sum", bench.Read(sum), new float[C]);
        Close.VerifySame("y", bench.Read(y), new float[C]);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        Refused.With(() => backend.Copy(backend.Floats(6), backend.Floats(2, 4)), "[2, 4]", "[6]", "another number of elements");
        Refused.With(() => backend.Copy(backend.Integers(6), backend.Floats(6)), "target", "I32", "F32");
        Refused.With(() => backend.Copy(backend.Floats(6), other.Floats(6)), "source", "another");
        Refused.With(() => backend.Clear(other.Floats(6)), "tensor", "another");
        Refused.With(() => backend.Clear(backend.Integers(6)), "tensor", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        backend.Copy(backend.Floats(6), backend.Floats(2, 3));
        backend.Clear(backend.Floats(6));
        Assert.Equal(2, backend.Calls);
    }
}
