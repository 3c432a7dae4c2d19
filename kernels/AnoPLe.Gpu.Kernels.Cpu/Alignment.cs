using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class Alignment<V, O>(CpuBackend backend) : Ops.Alignment(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled, Tensor mass, float scale, bool detach) => throw new NotSupportedException("not there yet");
}
