using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class LatentNoise<V, O>(CpuBackend backend) : Ops.LatentNoise(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy) => throw new NotSupportedException("not there yet");
}
