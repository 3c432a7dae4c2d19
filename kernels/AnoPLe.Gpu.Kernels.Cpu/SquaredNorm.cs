using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sums of chunks, then their total in double: so many small squares would not all count in a float.</summary>
internal sealed unsafe class SquaredNorm<V, O>(CpuBackend backend) : Ops.SquaredNorm(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly Workspace chunkSums = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor result, Tensor x)
    {
        forward.X = x.Floats();
        forward.SetSamples(1, x.Count, backend.Threads);
        double* chunks = forward.Sums = chunkSums.Doubles(forward.PerSample);
        float* y = result.Floats();
        backend.Run(forward, x);
        double sum = 0;
        for (int chunk = 0; chunk < forward.PerSample; chunk++)
            sum += chunks[chunk];
        *y = (float)sum;
        GC.KeepAlive(result);
    }

    private sealed class ForwardJob : SampleChunksJob
    {
        public float* X;
        public double* Sums;

        protected override void Chunk(int chunk, int sample, nint start, int count)
            => Sums[chunk] = Reduce<V, O>.SumOfSquares(X + start, count, centre: 0);
    }
}
