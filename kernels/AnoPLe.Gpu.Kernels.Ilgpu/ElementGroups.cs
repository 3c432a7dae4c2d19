namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// The launch of operations on single elements, one to a thread: a group's loads are one stretch of memory at any alignment, and a compiler
/// for CPUs makes vectors of neighbouring threads, which it does not where a thread loops (GELU on PoCL: nine times slower).
/// </summary>
internal static class ElementGroups
{
    /// <summary>Groups of 256 threads where the device runs them, because starting many small ones would cost more than the work.</summary>
    public static KernelConfig Config(IlgpuBackend backend, int count)
    {
        int threads = backend.Accelerator.MaxNumThreadsPerGroup >= 256 ? 256 : IlgpuBackend.MinGroup;
        return new(TileChoice.Tiles(threads, count), threads);
    }

    /// <summary>The thread's element, to be compared with the count before it is touched.</summary>
    public static int Element => Grid.IdxX * Group.DimX + Group.IdxX;
}
