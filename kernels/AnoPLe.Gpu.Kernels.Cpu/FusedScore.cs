using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A vector of pixels at a time.</summary>
internal sealed unsafe class FusedScore<V, O>(CpuBackend backend) : Ops.FusedScore(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon)
    {
        forward.Y = y.Floats();
        forward.Logits = logits.Floats();
        forward.Memory = memory.FloatsOrNull();
        forward.Epsilon = epsilon;
        forward.SetElements(y.Count, cost: 30, backend.Threads);
        backend.Run(forward, y, logits, memory);
    }

    private sealed class ForwardJob : ElementsJob
    {
        public float* Y, Logits, Memory;
        public float Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* y = Y + start, a = Logits + start, memory = Memory + start;
            for (nint i = 0; i < count; i += O.N)
            {
                V p = Elementwise<V, O>.Sigmoid(O.Load(a + i));
                if (Memory != null)
                {
                    V q = O.Load(memory + i);
                    p = O.Divide(O.Multiply(O.Add(p, p), q), O.Add(O.Add(p, q), O.Broadcast(Epsilon)));
                }
                Elementwise<V, O>.StoreAtMost(p, y + i, count - i);
            }
        }
    }
}
