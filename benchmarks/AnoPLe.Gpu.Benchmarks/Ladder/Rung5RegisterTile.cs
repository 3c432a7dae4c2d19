using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Register tiles: several rows at once, so that what is loaded of B is used by all of them, and there are more sums in flight than a
/// multiply-add takes cycles.
/// </summary>
internal class Rung5RegisterTile<V, O>(LadderProblem p) : PanelRung<V, O>(p)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    protected override unsafe void Rows(in PanelWork work)
    {
        float* a = work.A, c = work.C;
        for (int left = work.Rows; left > 0;)
        {
            int done = RegisterTile<V, O>.Compute(left, work.Depth, a, work.Lda, work.B, c, work.Ldc, !work.IsFirst);
            AfterTile(work, c, done);
            left -= done;
            a += done * work.Lda;
            c += done * work.Ldc;
        }
    }

    /// <summary>For rung 6: the tile has just been stored.</summary>
    protected virtual unsafe void AfterTile(in PanelWork work, float* tile, int rows)
    {
    }
}
