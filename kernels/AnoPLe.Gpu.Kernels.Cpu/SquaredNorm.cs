using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class SquaredNorm<V, O>(CpuBackend backend) : Ops.SquaredNorm(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ForwardCore(Tensor result, Tensor x) => throw new NotSupportedException("not there yet");
}
