using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>B [K, N]: the weights the other way round, so that the outputs of one input lie next to each other.</summary>
internal sealed unsafe class TransposedWeights : IDisposable
{
    private readonly AlignedMemory memory;

    public TransposedWeights(LadderProblem p)
    {
        memory = new AlignedMemory("B", (long)p.N * p.K);
        for (nint j = 0; j < p.N; j++)
            for (nint k = 0; k < p.K; k++)
                memory.Pointer[k * p.N + j] = p.W[j * p.K + k];
    }

    public float* B => memory.Pointer;

    public void Dispose() => memory.Dispose();
}
