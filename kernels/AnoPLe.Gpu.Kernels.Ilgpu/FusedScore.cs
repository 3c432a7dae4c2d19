namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class FusedScore(IlgpuBackend backend) : Ops.FusedScore(backend)
{
    protected override void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon) => throw new NotSupportedException("not there yet");
}
