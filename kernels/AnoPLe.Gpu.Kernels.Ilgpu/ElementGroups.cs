namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// The launch of operations on single elements. A thread has four, one group's width apart: every load of the group is one stretch of memory
/// at any alignment, and a group has enough to do to be worth its start.
/// </summary>
internal static class ElementGroups
{
    /// <summary>Threads of a group.</summary>
    public const int Threads = 64;

    /// <summary>Elements of a group.</summary>
    public const int Elements = 4 * Threads;

    /// <summary>One group per <see cref="Elements"/> elements.</summary>
    public static KernelConfig Config(int count) => new(TileChoice.Tiles(Elements, count), Threads);
}
