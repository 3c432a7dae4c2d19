using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Everything of a pixel comes from one exponential and two divisions; sums of chunks, then their totals, in double.</summary>
internal sealed unsafe class Focal<V, O>(CpuBackend backend) : Ops.Focal(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int Cost = 80; // float operations of a pixel

    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();
    private readonly Workspace chunkSums = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma)
    {
        int N = logits.Shape[0], R = logits.Count / N;
        forward.Logits = logits.Floats();
        forward.Masks = masks.Floats();
        forward.Gamma = gamma;
        forward.SetSamples(N, R, backend.Threads);
        double* chunks = forward.Sums = chunkSums.Doubles((long)N * forward.PerSample);
        float* losses = loss.Floats();
        backend.Run(forward, logits, masks);
        for (int n = 0; n < N; n++)
        {
            double sum = 0;
            for (int chunk = 0; chunk < forward.PerSample; chunk++)
                sum += *chunks++;
            losses[n] = (float)(sum / R);
        }
        GC.KeepAlive(loss);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale)
    {
        backwardInput.DLogits = dlogits.Floats();
        backwardInput.Logits = logits.Floats();
        backwardInput.Masks = masks.Floats();
        backwardInput.Gamma = gamma;
        backwardInput.Factor = scale / (logits.Count / logits.Shape[0]);
        backwardInput.SetElements(logits.Count, Cost, backend.Threads);
        backend.Run(backwardInput, dlogits, logits, masks);
    }

    /// <summary>+1 where the mask is 1, -1 where it is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sign(V mask) => O.MultiplyAdd(mask, O.Broadcast(2f), O.Broadcast(-1f));

    /// <summary>q^gamma for q = sigmoid(-x), from the odds of x. The choice is the same for all pixels of a call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Power(V q, V x, V odds, float gamma)
    {
        if (gamma == 2)
            return O.Multiply(q, q);
        // log q = -softplus(x); at gamma 0 this is exp(0), exactly 1.
        return Elementwise<V, O>.ExpBelow88(O.Multiply(O.Broadcast(-gamma), Logistic<V, O>.Softplus(x, odds)));
    }

    /// <summary>q^gamma softplus(-x); there is no second term.</summary>
    private readonly struct Losses(float* logits, float* masks, float gamma) : ITerms<V>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At(int i, out V loss, out V nothing)
        {
            V x = O.Multiply(O.Load(logits + i), Sign(O.Load(masks + i))), e = Logistic<V, O>.Odds(x);
            V surprise = Logistic<V, O>.Softplus(O.Subtract(default, x), e);
            loss = O.Multiply(Power(Logistic<V, O>.Complement(e), x, e, gamma), surprise);
            nothing = default;
        }
    }

    private sealed class ForwardJob : SampleChunksJob
    {
        public float* Logits, Masks;
        public double* Sums;
        public float Gamma;

        protected override void Chunk(int chunk, int sample, nint start, int count)
            => Sums[chunk] = ChunkSums<V, O>.Of(new Losses(Logits + start, Masks + start, Gamma), count).First;
    }

    private sealed class BackwardInputJob : ElementsJob
    {
        public float* DLogits, Logits, Masks;
        public float Gamma, Factor;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* da = DLogits + start, a = Logits + start, y = Masks + start;
            float gamma = Gamma;
            V factor = O.Broadcast(-Factor);
            for (nint i = 0; i < count; i += O.N)
                Elementwise<V, O>.StoreAtMost(O.MultiplyAdd(factor, Slope(O.Load(a + i), O.Load(y + i), gamma), O.Load(da + i)), da + i, count - i);
        }

        /// <summary>sign q^gamma (gamma (1 - q) softplus(-x) + q).</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static V Slope(V a, V y, float gamma)
        {
            V sign = Sign(y), x = O.Multiply(a, sign), e = Logistic<V, O>.Odds(x), q = Logistic<V, O>.Complement(e);
            V surprise = Logistic<V, O>.Softplus(O.Subtract(default, x), e);
            V inner = O.MultiplyAdd(O.Multiply(O.Broadcast(gamma), O.Multiply(e, q)), surprise, q);
            return O.Multiply(O.Multiply(sign, Power(q, x, e, gamma)), inner);
        }
    }
}
