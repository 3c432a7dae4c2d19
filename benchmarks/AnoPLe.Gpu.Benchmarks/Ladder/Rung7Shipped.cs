using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>What the product runs: the Linear operation of the CPU backend, through its contract.</summary>
internal sealed unsafe class Rung7Shipped : IRung
{
    private readonly LadderProblem p;
    private readonly CpuBackend backend;
    private readonly Tensor x, y;
    private readonly PackedLinear weight;

    public Rung7Shipped(LadderProblem problem, int threads)
    {
        p = problem;
        backend = new CpuBackend(threads);
        x = backend.Upload("A", new(p.M, p.K), new ReadOnlySpan<float>(p.A, p.M * p.K));
        y = backend.Allocate("C", new(p.M, p.N));
        weight = backend.Linear.Pack("W", new(p.W, p.N * p.K), new(p.Bias, p.N), p.N, p.K);
    }

    public void Run() => backend.Linear.Forward(y, x, weight, Activation.Gelu);

    public void Deliver() => backend.Read(y, new Span<float>(p.C, p.M * p.N));

    public void Dispose()
    {
        weight.Dispose();
        y.Dispose();
        x.Dispose();
        backend.Dispose();
    }
}
