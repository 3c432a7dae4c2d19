using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>Rung 6 with the panels handed out by the CPU backend's fork-join pool: the caller works too, and workers spin between jobs.</summary>
internal sealed class Rung6ForkJoin<V, O> : Rung6Fused<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly CpuBackend backend;
    private readonly PanelsJob job;

    public Rung6ForkJoin(LadderProblem p, int threads)
        : base(p)
    {
        backend = new CpuBackend(threads);
        job = new PanelsJob(this);
    }

    protected override void AllPanels(int firstTerm)
    {
        job.FirstTerm = firstTerm;
        backend.Run(job);
    }

    protected override void Dispose(bool disposing)
    {
        backend.Dispose();
        base.Dispose(disposing);
    }

    private sealed class PanelsJob : Job
    {
        private readonly Rung6ForkJoin<V, O> rung;

        public PanelsJob(Rung6ForkJoin<V, O> rung)
        {
            this.rung = rung;
            Tasks = rung.Panels;
        }

        public int FirstTerm { get; set; }

        public override void Run(int task, int worker) => rung.Panel(task, FirstTerm);
    }
}
