using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>One number per sample: plain code in double on the calling thread.</summary>
internal sealed unsafe class CrossEntropy<V, O>(CpuBackend backend) : Ops.CrossEntropy(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights)
    {
        float* y = loss.Floats(), b = logits.Floats(), label = labels.Floats(), s = weights.Floats();
        for (int n = 0; n < logits.Count; n++)
        {
            double x = label[n] > 0.5f ? -(double)b[n] : b[n], u = Math.Exp(-Math.Abs(x));
            // log(1 + u) of a small u: its series, because 1 + u would lose it.
            double excess = u < 1e-5 ? u - u * u / 2 : Math.Log(1 + u);
            y[n] = (float)(s[n] * (Math.Max(x, 0) + excess));
        }
        GC.KeepAlive((loss, logits, labels, weights));
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale)
    {
        float* d = dlogits.Floats(), b = logits.Floats(), label = labels.Floats(), s = weights.Floats();
        for (int n = 0; n < logits.Count; n++)
        {
            // sigmoid(b) - label: for label 1 it is -sigmoid(-b), which does not cancel.
            double slope = label[n] > 0.5f ? -1 / (1 + Math.Exp(b[n])) : 1 / (1 + Math.Exp(-(double)b[n]));
            d[n] += (float)(scale * s[n] * slope);
        }
        GC.KeepAlive((dlogits, logits, labels, weights));
    }
}
