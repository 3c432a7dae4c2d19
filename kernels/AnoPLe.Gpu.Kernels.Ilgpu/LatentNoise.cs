namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class LatentNoise(IlgpuBackend backend) : Ops.LatentNoise(backend)
{
    protected override void ForwardCore(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale) => throw new NotSupportedException("not there yet");

    protected override void BackwardInputCore(Tensor dx, Tensor dy) => throw new NotSupportedException("not there yet");
}
