using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class Focal<V, O>(CpuBackend backend) : Ops.Focal(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale) => throw new NotSupportedException("not there yet");
}
