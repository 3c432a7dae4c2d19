using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>Memory of the CPU backend: more than there is, after its end, and forgotten.</summary>
public sealed class AlignedMemoryTests
{
    [Fact]
    public void More_than_the_machine_has_is_refused_with_its_size_and_the_next_step()
    {
        using var backend = new CpuBackend(threads: 1);
        var held = new List<Tensor>();
        try
        {
            // Untouched pages cost nothing; 8 GiB each, so that some number of them exceeds any machine that runs this.
            var refused = Assert.Throws<DeviceException>(() =>
            {
                for (int i = 0; i < 4096; i++)
                    held.Add(backend.Allocate("huge", new(2047 * 1024, 1024)));
            });
            Assert.Contains("'huge'", refused.Message, StringComparison.Ordinal);
            Assert.Contains("8188.0 MiB", refused.Message, StringComparison.Ordinal);
            Assert.Contains("smaller batch", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            held.ForEach(tensor => tensor.Dispose());
        }
        using var small = backend.Allocate("small", new(4));
    }

    [Fact]
    public void A_disposed_tensor_is_refused_and_so_are_its_views()
    {
        using var backend = new CpuBackend(threads: 1);
        var x = backend.Allocate("x", new(2, 4));
        var view = x.View("row", new(1, 4), 4);
        x.Dispose();
        x.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Download(x));
        Assert.Throws<ObjectDisposedException>(() => backend.L2Normalize.Forward(view, view));
    }
}
