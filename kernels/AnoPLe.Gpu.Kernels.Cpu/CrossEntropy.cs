using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A vector of samples at a time. With x = b or -b, whichever the label makes wrong when large, loss and gradient are softplus(x) and sigmoid(x).</summary>
internal sealed unsafe class CrossEntropy<V, O>(CpuBackend backend) : Ops.CrossEntropy(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int Cost = 60; // float operations of a sample

    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights)
    {
        forward.Loss = loss.Floats();
        forward.Logits = logits.Floats();
        forward.Labels = labels.Floats();
        forward.Weights = weights.Floats();
        forward.SetElements(logits.Count, Cost, backend.Threads);
        backend.Run(forward, loss, logits, labels, weights);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale)
    {
        backwardInput.DLogits = dlogits.Floats();
        backwardInput.Logits = logits.Floats();
        backwardInput.Labels = labels.Floats();
        backwardInput.Weights = weights.Floats();
        backwardInput.Scale = scale;
        backwardInput.SetElements(logits.Count, Cost, backend.Threads);
        backend.Run(backwardInput, dlogits, logits, labels, weights);
    }

    /// <summary>-1 where the label is 1, +1 where it is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Sign(V label) => O.MultiplyAdd(label, O.Broadcast(-2f), O.Broadcast(1f));

    private sealed class ForwardJob : ElementsJob
    {
        public float* Loss, Logits, Labels, Weights;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            nint end = start + count;
            for (nint i = start; i < end; i += O.N)
                Elementwise<V, O>.StoreAtMost(At(i), Loss + i, end - i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private V At(nint i)
            => O.Multiply(O.Load(Weights + i), Logistic<V, O>.Softplus(O.Multiply(O.Load(Logits + i), Sign(O.Load(Labels + i)))));
    }

    private sealed class BackwardInputJob : ElementsJob
    {
        public float* DLogits, Logits, Labels, Weights;
        public float Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            nint end = start + count;
            for (nint i = start; i < end; i += O.N)
                Elementwise<V, O>.StoreAtMost(At(i), DLogits + i, end - i);
        }

        /// <summary>sigmoid(b) - label is the sigmoid of x with its sign: no difference, so a confident sample keeps its small gradient.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private V At(nint i)
        {
            V sign = Sign(O.Load(Labels + i)), wrong = Logistic<V, O>.Sigmoid(O.Multiply(O.Load(Logits + i), sign));
            return O.MultiplyAdd(O.Multiply(O.Broadcast(Scale), O.Load(Weights + i)), O.Multiply(sign, wrong), O.Load(DLogits + i));
        }
    }
}
