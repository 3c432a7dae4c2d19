namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class Alignment(IlgpuBackend backend) : Ops.Alignment(backend)
{
    protected override void ForwardCore(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon) => throw new NotSupportedException("not there yet");

    protected override void BackwardInputCore(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled, Tensor mass, float scale, bool detach) => throw new NotSupportedException("not there yet");
}
