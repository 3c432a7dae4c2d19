using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Kernels.Tests.Ilgpu;

/// <summary>Who disposes what several users have: the context that the backends of a CUDA device share.</summary>
public sealed class SharedTests
{
    [Fact]
    public void Users_of_a_key_share_one_until_the_last_releases_it()
    {
        Shared<int, Thing> things = new(_ => new Thing(), _ => true);
        Thing first = things.Acquire(1), second = things.Acquire(1), other = things.Acquire(2);
        Assert.Same(first, second);
        Assert.NotSame(first, other);
        things.Release(first);
        Assert.Equal(0, first.Disposed);
        things.Release(second);
        Assert.Equal((1, 0), (first.Disposed, other.Disposed));
        Thing third = things.Acquire(1);
        Assert.NotSame(first, third);
        things.Release(third);
        Assert.Equal((1, 1), (first.Disposed, third.Disposed));
    }

    [Fact]
    public void Where_nothing_is_shared_everyone_has_one()
    {
        Shared<int, Thing> things = new(_ => new Thing(), _ => false);
        Thing first = things.Acquire(1), second = things.Acquire(1);
        Assert.NotSame(first, second);
        things.Release(first);
        Assert.Equal((1, 0), (first.Disposed, second.Disposed));
    }

    [Fact]
    public void Threads_may_acquire_and_release_at_once()
    {
        int made = 0, disposed = 0;
        Shared<int, Thing> things = new(_ => new Thing(ref made), _ => true);
        Parallel.For(0, 1000, _ =>
        {
            Thing thing = things.Acquire(1);
            Assert.Equal(0, thing.Disposed);
            things.Release(thing);
            Interlocked.Add(ref disposed, thing.Disposed > 1 ? 1 : 0);
        });
        Assert.True(made >= 1);
        Assert.Equal(0, disposed); // none twice
    }

    /// <summary>Streams of one context from several threads: runs where there is CUDA.</summary>
    [Fact, Trait("Backend", "cuda")]
    public void Backends_of_a_cuda_device_compute_side_by_side()
    {
        var device = IlgpuBackend.Devices().FirstOrDefault(d => d.Kind == DeviceKind.Cuda);
        if (device is null)
            Assert.Skip("No cuda device on this machine.");
        float[] x = [.. Enumerable.Range(0, 64 * 96).Select(i => MathF.Sin(i))];
        var results = new float[4][];
        Parallel.For(0, results.Length, i =>
        {
            using var backend = IlgpuBackend.Open(device.Id);
            using var packed = backend.Linear.Pack("w", x, [], 64, 96);
            using Tensor tx = backend.Upload("x", new(64, 96), x), ty = backend.Allocate("y", new(64, 64));
            for (int run = 0; run < 100; run++)
                backend.Linear.Forward(ty, tx, packed);
            results[i] = backend.Download(ty);
        });
        Assert.All(results, result => Assert.Equal(results[0], result));
    }

    private sealed class Thing : IDisposable
    {
        private int disposed;

        public Thing()
        {
        }

        public Thing(ref int made) => Interlocked.Increment(ref made);

        public int Disposed => Volatile.Read(ref disposed);

        public void Dispose() => Interlocked.Increment(ref disposed);
    }
}
