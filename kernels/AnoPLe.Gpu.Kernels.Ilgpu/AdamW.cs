namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class AdamW(IlgpuBackend backend) : Ops.AdamW(backend)
{
    protected override void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in Ops.AdamWStep settings) => throw new NotSupportedException("not there yet");
}
