using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>Rung 6 with the panels handed out by Parallel.For: two lines, a few allocations and a wake-up of the thread pool per call.</summary>
internal sealed class Rung6ParallelFor<V, O>(LadderProblem p, int threads) : Rung6Fused<V, O>(p)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ParallelOptions options = new() { MaxDegreeOfParallelism = threads };

    protected override void AllPanels(int firstTerm) => Parallel.For(0, Panels, options, panel => Panel(panel, firstTerm));
}
