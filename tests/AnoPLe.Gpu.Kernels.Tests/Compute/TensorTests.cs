using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Compute;

/// <summary>Memory of every backend: what is written is read, views share it, and sizes are checked.</summary>
public sealed class TensorTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void What_is_written_is_read(string name)
    {
        var backend = TestBackends.Open(name);
        foreach (int count in new[] { 1, 3, 17, 1025 })
        {
            float[] values = Numbers.Uniform(count, count);
            values[0] = float.NegativeInfinity;
            using var tensor = backend.Upload("t", new(count), values);
            Array.Clear(values, 1, count - 1);
            float[] read = backend.Download(tensor);
            values = Numbers.Uniform(count, count);
            values[0] = float.NegativeInfinity;
            Close.VerifySame(name, read, values);
        }
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_view_is_the_same_memory(string name)
    {
        var backend = TestBackends.Open(name);
        using var whole = backend.Upload("whole", new(4, 5), [.. Enumerable.Range(0, 20).Select(i => (float)i)]);
        using var view = whole.View("view", new(2, 3), 7);
        Assert.Equal(("view", new Shape(2, 3), ElementType.F32), (view.Name, view.Shape, view.Type));
        Assert.Same(backend, view.Backend);
        Assert.Equal([7f, 8, 9, 10, 11, 12], backend.Download(view));

        using var inner = view.View("inner", new(2), 4);
        backend.Write(inner, [-1f, -2]);
        Assert.Equal([.. Enumerable.Range(0, 20).Select(i => i == 11 ? -1f : i == 12 ? -2f : i)], backend.Download(whole));
        inner.Dispose();
        view.Dispose();
        Assert.Equal(19f, backend.Download(whole)[19]);
    }

    [Fact]
    public void A_view_must_lie_inside()
    {
        using var backend = new FakeBackend();
        var tensor = backend.Allocate("vis.x", new(4, 5));
        Refused.With(() => tensor.View("v", new(3, 5), 6), "[3, 5]", "6", "'vis.x'", "[4, 5]");
        Refused.With(() => tensor.View("v", new(1), 20), "20");
        Refused.With(() => tensor.View("v", new(1), -1), "-1");
        Refused.With(() => tensor.View("v", new(21)), "[21]");
        Refused.With(() => tensor.View("v", new(int.MaxValue), int.MaxValue), "2147483647");
        Refused.With(() => tensor.View("v", new(5), 10).View("w", new(6)), "[6]", "[5]");
        Assert.Equal(20, tensor.View("v", new(20)).Count);
        Assert.Equal(1, tensor.View("v", new(), 19).Count);
        tensor.View("v", new(2)).Dispose();
        Assert.Equal(1, backend.Alive);
    }

    [Fact]
    public void Transfers_check_size_type_and_place()
    {
        using FakeBackend backend = new(), other = new();
        Tensor floats = backend.Floats(2, 3), integers = backend.Integers(4);
        Refused.With(() => backend.Write(floats, new float[5]), "5", "[2, 3]", "6");
        Refused.With(() => backend.Read(floats, new float[7]), "7", "[2, 3]", "6");
        Refused.With(() => backend.Write(integers, new int[3]), "4", "3");
        Refused.With(() => backend.Write(integers, new float[4]), "I32", "F32");
        Refused.With(() => backend.Write(floats, new int[6]), "F32", "I32");
        Refused.With(() => backend.Read(integers, new float[4]), "I32", "F32");
        Refused.With(() => other.Write(floats, new float[6]), "another");
        Assert.Equal(0, backend.Calls);
        Assert.Equal("t [2, 3] F32 on fake", floats.ToString());
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_tensor_of_another_backend_of_the_same_kind_is_refused(string name)
    {
        var backend = TestBackends.Open(name);
        using var foreign = new FakeBackend();
        using var mine = backend.Allocate("mine", new(2, 2));
        Refused.With(() => backend.L2Normalize.Forward(mine, foreign.Floats(2, 2)), "x", "another");
        Refused.With(() => backend.L2Normalize.Forward(foreign.Floats(2, 2), mine), "y", "another");
    }
}
