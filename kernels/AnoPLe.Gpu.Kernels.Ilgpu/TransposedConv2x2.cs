namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class TransposedConv2x2(IlgpuBackend backend) : Ops.TransposedConv2x2(backend)
{
    protected override void ScatterCore(Tensor y, Tensor cells, Tensor bias) => throw new NotSupportedException("not there yet");

    protected override void GatherCore(Tensor dcells, Tensor dy) => throw new NotSupportedException("not there yet");
}
