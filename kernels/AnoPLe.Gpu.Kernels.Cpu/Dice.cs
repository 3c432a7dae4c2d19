using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A task is a sample: its sums in blocks, the blocks in double; backwards element by element.</summary>
internal sealed unsafe class Dice<V, O>(CpuBackend backend) : Ops.Dice(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardJob backward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon)
    {
        forward.Loss = loss.Floats();
        forward.Sums = sums.Floats();
        forward.Epsilon = epsilon;
        forward.SetMaps(logits.Floats(), masks.Floats(), logits.Shape[0], logits.Count / logits.Shape[0]);
        backend.Run(forward, loss, sums, logits, masks);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale)
    {
        backward.DLogits = dlogits.Floats();
        backward.Logits = logits.Floats();
        backward.Masks = masks.Floats();
        backward.Sums = sums.Floats();
        backward.Epsilon = epsilon;
        backward.Scale = scale;
        backward.SetRows(logits.Shape[0], logits.Count / logits.Shape[0], backend.Threads);
        backend.Run(backward, dlogits, logits, masks, sums);
    }

    private sealed class ForwardJob : MapSumsJob<V, O>
    {
        public float* Loss, Sums;
        public float Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        protected override void Add(V logits, V masks, ref V first, ref V second)
        {
            V p = Elementwise<V, O>.Sigmoid(logits);
            first = O.MultiplyAdd(p, masks, first);
            second = O.Add(second, O.Add(p, masks));
        }

        protected override void Finish(int sample, double intersection, double both)
        {
            double total = both + Epsilon;
            Sums[2 * sample] = (float)intersection;
            Sums[2 * sample + 1] = (float)total;
            Loss[sample] = (float)(1 - (2 * intersection + Epsilon) / total);
        }
    }

    private sealed class BackwardJob : RowsJob
    {
        public float* DLogits, Logits, Masks, Sums;
        public float Epsilon, Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int R = Width;
            float* d = DLogits + (nint)row * R, a = Logits + (nint)row * R, y = Masks + (nint)row * R;
            // dP = -scale (2 Y Q - (2 I + eps)) / Q^2, linear in Y.
            double I = Sums[2 * row], Q = Sums[2 * row + 1];
            V slope = O.Broadcast((float)(-2 * Scale / Q)), shift = O.Broadcast((float)(Scale * (2 * I + Epsilon) / (Q * Q)));
            for (int i = 0; i < R; i += O.N)
            {
                V x = O.Load(a + i), p = Elementwise<V, O>.Sigmoid(x), rest = Elementwise<V, O>.Sigmoid(O.Subtract(O.Broadcast(0f), x));
                V sum = O.MultiplyAdd(O.MultiplyAdd(O.Load(y + i), slope, shift), O.Multiply(p, rest), O.Load(d + i));
                Elementwise<V, O>.StoreAtMost(sum, d + i, R - i);
            }
        }
    }
}
