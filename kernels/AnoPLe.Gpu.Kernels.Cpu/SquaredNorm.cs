using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Chunks of fixed length are summed on all threads, the chunks in double and in order on one.</summary>
internal sealed unsafe class SquaredNorm<V, O>(CpuBackend backend) : Ops.SquaredNorm(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ChunksJob chunks = new();
    private readonly Workspace sums = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor result, Tensor x)
    {
        chunks.X = x.Floats();
        chunks.SetCount(x.Count);
        sums.Reserve(chunks.Tasks);
        chunks.Sums = sums.Of(0);
        backend.Run(chunks, x);
        double total = 0;
        for (int k = 0; k < chunks.Tasks; k++)
            total += chunks.Sums[k];
        result.Floats()[0] = (float)total;
        GC.KeepAlive(result);
    }

    private sealed class ChunksJob : Job
    {
        private const int Chunk = 1 << 14;

        public float* X, Sums;
        private int count;

        public void SetCount(int elements)
        {
            count = elements;
            Tasks = (elements + Chunk - 1) / Chunk;
        }

        public override void Run(int task, int worker) =>
            Sums[task] = Reduce<V, O>.SumOfSquares(X + (nint)task * Chunk, Math.Min(Chunk, count - task * Chunk), centre: 0);
    }
}
