using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sums over samples in two stages: a group sums a chunk of a sample, then a group sums a sample's chunks. A group may also just visit a chunk.</summary>
internal static class SampleChunks
{
    /// <summary>Elements of a chunk.</summary>
    private const int Elements = 16 * RowGroup.Threads;

    /// <summary>Chunks of a sample so long.</summary>
    public static int PerSample(int length) => TileChoice.Tiles(Elements, length);

    /// <summary>One group per chunk.</summary>
    public static KernelConfig Config(int samples, int length) => new(samples * PerSample(length), RowGroup.Threads);

    /// <summary>Which elements a thread visits: from First, every <see cref="RowGroup.Threads"/>th before End.</summary>
    public struct Range
    {
        /// <summary>The sample they belong to.</summary>
        public int Sample;

        /// <summary>Bounds.</summary>
        public int First, End;
    }

    /// <summary>The elements of this thread in its group's chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Range Of(int chunks, int length)
    {
        Range range;
        range.Sample = Grid.IdxX / chunks;
        int start = (Grid.IdxX - range.Sample * chunks) * Elements, sample0 = range.Sample * length;
        range.First = sample0 + start + Group.IdxX;
        range.End = sample0 + XMath.Min(length, start + Elements);
        return range;
    }

    /// <summary>The sum of a sample's chunks; this group's sample is the grid's index.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Total(ArrayView<F4> shared, View sums, int first, int chunks)
    {
        float sum = 0f;
        for (int chunk = Group.IdxX; chunk < chunks; chunk += RowGroup.Threads)
            sum += sums[first + chunk];
        return RowGroup.Sum(shared, sum);
    }
}
