using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>Bias and GELU on a tile that has just been stored, so it is still in the first-level cache: no second pass over C.</summary>
internal class Rung6Fused<V, O>(LadderProblem p) : Rung5RegisterTile<V, O>(p)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    protected override unsafe void AfterTile(in PanelWork work, float* tile, int rows)
    {
        if (work.IsLast)
            Epilogue<V, O>.Apply(tile, work.Ldc, work.Bias, rows, Columns);
    }

    protected override void AfterProduct(LadderProblem problem)
    {
    }
}
