using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A vector of pixels at a time.</summary>
internal sealed unsafe class FusedScore<V, O>(CpuBackend backend) : Ops.FusedScore(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int Cost = 50; // float operations of a pixel

    private readonly ForwardJob forward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon)
    {
        forward.Y = y.Floats();
        forward.Logits = logits.Floats();
        forward.Memory = memory.FloatsOrNull();
        forward.Epsilon = epsilon;
        forward.SetElements(y.Count, Cost, backend.Threads);
        backend.Run(forward, y, logits, memory);
    }

    private sealed class ForwardJob : ElementsJob
    {
        public float* Y, Logits, Memory;
        public float Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            nint end = start + count;
            for (nint i = start; i < end; i += O.N)
                Elementwise<V, O>.StoreAtMost(At(i), Y + i, end - i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private V At(nint i)
        {
            V p = Logistic<V, O>.Sigmoid(O.Load(Logits + i));
            if (Memory == null)
                return p;
            V q = O.Load(Memory + i);
            return O.Divide(O.Multiply(O.Add(p, p), q), O.Add(O.Add(p, q), O.Broadcast(Epsilon)));
        }
    }
}
