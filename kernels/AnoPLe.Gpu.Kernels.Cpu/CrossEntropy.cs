using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class CrossEntropy<V, O>(CpuBackend backend) : Ops.CrossEntropy(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale) => throw new NotSupportedException("not there yet");
}
