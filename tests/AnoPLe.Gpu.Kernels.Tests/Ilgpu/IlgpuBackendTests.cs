using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Ilgpu;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ilgpu;

/// <summary>Devices, memory and steady state of the ILGPU backend; its arithmetic is tested with every other backend's.</summary>
public sealed class IlgpuBackendTests
{
    public static TheoryData<string> Devices => ["simulator", "opencl", "cuda"];

    [Fact]
    public void Devices_end_with_the_simulator_and_have_distinct_ids()
    {
        var devices = IlgpuBackend.Devices();
        Assert.Equal("simulator", devices[^1].Id);
        Assert.Equal(devices.Count, devices.Select(d => d.Id).Distinct().Count());
        Assert.All(devices, d => Assert.True(d.Kind is DeviceKind.Cuda or DeviceKind.OpenCl || !d.IsGpu, $"{d} is no GPU."));
    }

    [Theory]
    [InlineData("cuda:99")]
    [InlineData("opencl:99")]
    [InlineData("simulator:1")]
    [InlineData("")]
    public void A_missing_device_names_those_that_are_there(string id)
    {
        var exception = Assert.Throws<DeviceException>(() => IlgpuBackend.Open(id));
        Assert.Contains($"'{id}'", exception.Message, StringComparison.Ordinal);
        foreach (var device in IlgpuBackend.Devices())
            Assert.Contains(device.Id, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_backends_of_one_device_do_not_share_tensors()
    {
        using var first = IlgpuBackend.Open("simulator");
        using var second = IlgpuBackend.Open("simulator");
        using var x = first.Upload("x", new(2, 4), [1f, 2, 3, 4, 5, 6, 7, 8]);
        using var y = second.Allocate("y", new(2, 4));
        Refused.With(() => second.L2Normalize.Forward(y, x), "'x'");
        Refused.With(() => _ = Views.Of(x, second).IsDisposed, "'x'", "Upload");
    }

    [Fact]
    public void A_disposed_tensor_and_its_views_are_refused()
    {
        var backend = TestBackends.Open("simulator");
        var x = backend.Upload("x", new(2, 4), new float[8]);
        var row = x.View("row", new(4), 4);
        x.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Download(x));
        Assert.Throws<ObjectDisposedException>(() => backend.L2Normalize.Forward(row, row));
    }

    [Theory, MemberData(nameof(Devices))]
    public void A_view_reads_and_writes_its_part(string device)
    {
        var backend = TestBackends.Open(device);
        using var x = backend.Upload("x", new(6), [1f, 2, 3, 4, 5, 6]);
        var part = x.View("part", new(2, 2), 1).View("inner", new(2), 1);
        Assert.Equal([3f, 4f], backend.Download(part));
        backend.Write(part, [30f, 40f]);
        Assert.Equal([1f, 2f, 30f, 40f, 5f, 6f], backend.Download(x));
    }

    [Theory, MemberData(nameof(Devices))]
    public void Too_much_memory_is_a_device_exception_and_the_device_lives_on(string device)
    {
        if (device == "simulator")
            Assert.Skip("The simulator takes host memory, which the system grants before it has it.");
        var backend = TestBackends.Open(device);
        List<Tensor> taken = [];
        try
        {
            // 4 GiB each, until twice the device's memory.
            var exception = Assert.Throws<DeviceException>(() =>
            {
                for (long bytes = 0; bytes <= 2 * backend.Device.MemoryBytes; bytes += 4L << 30)
                    taken.Add(backend.Allocate("huge", new(1 << 30)));
            });
            Assert.Contains("'huge'", exception.Message, StringComparison.Ordinal);
            Assert.Contains("smaller batch", exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            taken.ForEach(t => t.Dispose());
        }
        using var x = backend.Upload("x", new(3), [3f, 0, 4]);
        backend.L2Normalize.Forward(x, x);
        Assert.Equal(0.8f, backend.Download(x)[2], 1e-6f);
    }

    [Theory, MemberData(nameof(Devices))]
    public void Steady_calls_take_no_device_memory(string device)
    {
        foreach (var operation in OperationCase.All)
        {
            using var bench = new Workbench(device);
            var backend = (IlgpuBackend)bench.Backend;
            var (call, _) = operation.Prepare(bench);
            call();
            int taken = backend.BuffersTaken;
            for (int i = 0; i < 3; i++)
                call();
            Assert.True(backend.BuffersTaken == taken, $"{operation.Name} took {backend.BuffersTaken - taken} buffers in 3 calls.");
        }
    }

    [Theory]
    [InlineData(1, 226, 896, 128)]     // one multiprocessor (the simulator): the largest that is well filled
    [InlineData(1, 64, 64, 64)]
    [InlineData(1, 33, 31, 32)]
    [InlineData(132, 1808, 3584, 128)]  // a large GPU, batch 8
    [InlineData(132, 1808, 896, 64)]
    [InlineData(132, 226, 896, 32)]     // batch 1
    [InlineData(132, 1, 640, 32)]
    public void The_tile_is_the_largest_that_fills_the_device(int multiprocessors, int rows, int columns, int side)
        => Assert.Equal(side, TileChoice.Side(multiprocessors, 1024, rows, columns));

    [Fact]
    public void A_device_of_small_groups_never_gets_the_tile_of_256_threads()
        => Assert.Equal(64, TileChoice.Side(1, 128, 1024, 1024));
}
