using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class ViewSignal<V, O>(CpuBackend backend) : Ops.ViewSignal(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor signal) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardParametersCore(Tensor dsignal, Tensor dy) => throw new NotSupportedException("not there yet");
}
