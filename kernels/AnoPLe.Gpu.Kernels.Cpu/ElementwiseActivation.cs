using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class ElementwiseActivation<V, O>(CpuBackend backend) : Ops.ElementwiseActivation(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Ops.Activation activation) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Ops.Activation activation) => throw new NotSupportedException("not there yet");
}
