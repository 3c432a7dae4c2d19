using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class FusedScore<V, O>(CpuBackend backend) : Ops.FusedScore(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon) => throw new NotSupportedException("not there yet");
}
