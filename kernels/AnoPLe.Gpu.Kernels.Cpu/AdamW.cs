using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class AdamW<V, O>(CpuBackend backend) : Ops.AdamW(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in Ops.AdamWStep settings) => throw new NotSupportedException("not there yet");
}
