using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sums over samples in two stages: a group sums a chunk of a sample, then a group sums a sample's chunks.</summary>
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
        /// <summary>Bounds.</summary>
        public int First, End;
    }

    /// <summary>The elements of this thread in its group's chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Range Of(int chunks, int length)
    {
        Range range;
        int sample = Grid.IdxX / chunks, start = (Grid.IdxX - sample * chunks) * Elements, sample0 = sample * length;
        range.First = sample0 + start + Group.IdxX;
        range.End = sample0 + XMath.Min(length, start + Elements);
        return range;
    }

    /// <summary>The sum of chunks from first on, by the whole group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Total(ArrayView<F4> shared, View sums, int first, int chunks)
    {
        float sum = 0f;
        for (int chunk = Group.IdxX; chunk < chunks; chunk += RowGroup.Threads)
            sum += sums[first + chunk];
        return RowGroup.Sum(shared, sum);
    }
}
