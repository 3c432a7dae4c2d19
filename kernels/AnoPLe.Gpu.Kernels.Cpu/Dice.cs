using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sums of chunks, then their totals, in double; backward, dP is a line in Y, with two coefficients per sample.</summary>
internal sealed unsafe class Dice<V, O>(CpuBackend backend) : Ops.Dice(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();
    private readonly Workspace chunkSums = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon)
    {
        int N = logits.Shape[0];
        forward.Logits = logits.Floats();
        forward.Masks = masks.Floats();
        forward.SetSamples(N, logits.Count / N, backend.Threads);
        double* chunks = forward.Sums = chunkSums.Doubles(2L * N * forward.PerSample);
        float* losses = loss.Floats(), saved = sums.Floats();
        backend.Run(forward, logits, masks);
        for (int n = 0; n < N; n++)
        {
            double intersection = 0, total = epsilon;
            for (int chunk = 0; chunk < forward.PerSample; chunk++, chunks += 2)
            {
                intersection += chunks[0];
                total += chunks[1];
            }
            losses[n] = (float)(1 - (2 * intersection + epsilon) / total);
            saved[2 * n] = (float)intersection;
            saved[2 * n + 1] = (float)total;
        }
        GC.KeepAlive(loss);
        GC.KeepAlive(sums);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale)
    {
        int N = logits.Shape[0];
        backwardInput.DLogits = dlogits.Floats();
        backwardInput.Logits = logits.Floats();
        backwardInput.Masks = masks.Floats();
        backwardInput.Sums = sums.Floats();
        backwardInput.Epsilon = epsilon;
        backwardInput.Scale = scale;
        backwardInput.SetSamples(N, logits.Count / N, backend.Threads);
        backend.Run(backwardInput, dlogits, logits, masks, sums);
    }

    /// <summary>P Y and P + Y.</summary>
    private readonly struct Overlap(float* logits, float* masks) : ITerms<V>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At(int i, out V both, out V either)
        {
            V p = Logistic<V, O>.Sigmoid(O.Load(logits + i)), y = O.Load(masks + i);
            both = O.Multiply(p, y);
            either = O.Add(p, y);
        }
    }

    private sealed class ForwardJob : SampleChunksJob
    {
        public float* Logits, Masks;
        public double* Sums;

        protected override void Chunk(int chunk, int sample, nint start, int count)
            => (Sums[2 * chunk], Sums[2 * chunk + 1]) = ChunkSums<V, O>.Of(new Overlap(Logits + start, Masks + start), count);
    }

    private sealed class BackwardInputJob : SampleChunksJob
    {
        public float* DLogits, Logits, Masks, Sums;
        public float Epsilon, Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Chunk(int chunk, int sample, nint start, int count)
        {
            float* da = DLogits + start, a = Logits + start, y = Masks + start;
            double intersection = Sums[2 * sample], total = Sums[2 * sample + 1];
            V slope = O.Broadcast((float)(-2 * Scale / total)), constant = O.Broadcast((float)(Scale * (2 * intersection + Epsilon) / (total * total)));
            for (int i = 0; i < count; i += O.N)
                Elementwise<V, O>.StoreAtMost(O.Add(O.Load(da + i), Gradient(O.Load(a + i), O.Load(y + i), slope, constant)), da + i, count - i);
        }

        /// <summary>dP P (1 - P); with odds e and 1 - P = 1 / (1 + e), P is e (1 - P), so that nothing cancels.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static V Gradient(V a, V y, V slope, V constant)
        {
            V e = Logistic<V, O>.Odds(a), rest = Logistic<V, O>.Complement(e), p = O.Multiply(e, rest);
            return O.Multiply(O.Multiply(p, rest), O.MultiplyAdd(y, slope, constant));
        }
    }
}
