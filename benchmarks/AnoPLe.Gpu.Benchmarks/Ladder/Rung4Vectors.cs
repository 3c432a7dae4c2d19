using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Vectors, one row at a time: the panel's columns are two vectors, whose sums stay in two registers. Every term of B that is loaded is used
/// once, and there are only two sums in flight, each of which waits for itself.
/// </summary>
internal sealed unsafe class Rung4Vectors<V, O>(LadderProblem p) : PanelRung<V, O>(p)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    protected override void Rows(in PanelWork work)
    {
        for (nint i = 0; i < work.Rows; i++)
            RegisterTile<V, O>.Tile1(work.Depth, work.A + i * work.Lda, work.B, work.C + i * work.Ldc, !work.IsFirst);
    }
}
