using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A task is a sample; backwards element by element. q^gamma is exp(-gamma softplus(x)), or a square for gamma 2.</summary>
internal sealed unsafe class Focal<V, O>(CpuBackend backend) : Ops.Focal(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardJob backward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma)
    {
        forward.Loss = loss.Floats();
        forward.Gamma = gamma;
        forward.Pixels = logits.Count / logits.Shape[0];
        forward.SetMaps(logits.Floats(), masks.Floats(), logits.Shape[0], forward.Pixels);
        backend.Run(forward, loss, logits, masks);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale)
    {
        backward.DLogits = dlogits.Floats();
        backward.Logits = logits.Floats();
        backward.Masks = masks.Floats();
        backward.Gamma = gamma;
        backward.Factor = -scale / (logits.Count / logits.Shape[0]);
        backward.SetElements(logits.Count, cost: 60, backend.Threads);
        backend.Run(backward, dlogits, logits, masks);
    }

    /// <summary>Of x = A where Y = 1, else -A: q = sigmoid(-x), softplus(-x) and q^gamma.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Power(V x, V q, V excess, float gamma) => gamma switch
    {
        2 => O.Multiply(q, q),
        0 => O.Broadcast(1f),
        _ => Elementwise<V, O>.ExpBelow88(O.Multiply(O.Broadcast(-gamma), O.Add(O.Max(O.Broadcast(0f), x), excess))),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sign(V y) => O.MultiplyAdd(y, O.Broadcast(2f), O.Broadcast(-1f));

    private sealed class ForwardJob : MapSumsJob<V, O>
    {
        public float* Loss;
        public float Gamma;
        public int Pixels;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        protected override void Add(V a, V y, ref V first, ref V second)
        {
            V x = O.Multiply(a, Sign(y)), minus = O.Subtract(O.Broadcast(0f), x), excess = Elementwise<V, O>.SoftplusExcess(x);
            V softplus = O.Add(O.Max(O.Broadcast(0f), minus), excess);
            first = O.MultiplyAdd(Power(x, Elementwise<V, O>.Sigmoid(minus), excess, Gamma), softplus, first);
        }

        protected override void Finish(int sample, double first, double second) => Loss[sample] = (float)(first / Pixels);
    }

    private sealed class BackwardJob : ElementsJob
    {
        public float* DLogits, Logits, Masks;
        public float Gamma, Factor;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* d = DLogits + start, a = Logits + start, m = Masks + start;
            for (nint i = 0; i < count; i += O.N)
            {
                V sign = Sign(O.Load(m + i)), x = O.Multiply(O.Load(a + i), sign), minus = O.Subtract(O.Broadcast(0f), x);
                V excess = Elementwise<V, O>.SoftplusExcess(x), softplus = O.Add(O.Max(O.Broadcast(0f), minus), excess);
                V q = Elementwise<V, O>.Sigmoid(minus), p = Elementwise<V, O>.Sigmoid(x);
                // -(q^gamma (gamma p softplus(-x) + q)); the minus is in the factor.
                V inner = O.MultiplyAdd(O.Multiply(O.Broadcast(Gamma), p), softplus, q);
                V slope = O.Multiply(O.Multiply(O.Broadcast(Factor), sign), O.Multiply(Power(x, q, excess, Gamma), inner));
                Elementwise<V, O>.StoreAtMost(O.Add(O.Load(d + i), slope), d + i, count - i);
            }
        }
    }
}
