namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class Focal(IlgpuBackend backend) : Ops.Focal(backend)
{
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma) => throw new NotSupportedException("not there yet");

    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale) => throw new NotSupportedException("not there yet");
}
