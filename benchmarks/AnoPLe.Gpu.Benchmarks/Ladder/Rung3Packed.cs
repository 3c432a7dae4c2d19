using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Packed panels, still one float at a time: B is read from the first to the last byte, so no two of its rows compete for a cache set and the
/// prefetcher is always right. The JIT does not vectorise loops, so arithmetic stays what it was.
/// </summary>
internal sealed unsafe class Rung3Packed<V, O>(LadderProblem p) : PanelRung<V, O>(p)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected override void Rows(in PanelWork work)
    {
        nint depth = work.Depth, columns = Columns;
        for (nint i = 0; i < work.Rows; i++)
        {
            float* a = work.A + i * work.Lda, b = work.B, sums = work.C + i * work.Ldc;
            if (work.IsFirst)
                new Span<float>(sums, Columns).Clear();
            for (nint k = 0; k < depth; k++, b += columns)
            {
                float aik = a[k];
                for (nint j = 0; j < columns; j++)
                    sums[j] += aik * b[j];
            }
        }
    }
}
