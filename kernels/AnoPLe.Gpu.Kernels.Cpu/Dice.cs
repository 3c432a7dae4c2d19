using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class Dice<V, O>(CpuBackend backend) : Ops.Dice(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale) => throw new NotSupportedException("not there yet");
}
