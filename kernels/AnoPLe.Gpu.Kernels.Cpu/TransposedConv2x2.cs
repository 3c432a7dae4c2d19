using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Stub.</summary>
internal sealed unsafe class TransposedConv2x2<V, O>(CpuBackend backend) : Ops.TransposedConv2x2(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <inheritdoc/>
    protected override void ScatterCore(Tensor y, Tensor cells, Tensor bias) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void GatherCore(Tensor dcells, Tensor dy) => throw new NotSupportedException("not there yet");
}
