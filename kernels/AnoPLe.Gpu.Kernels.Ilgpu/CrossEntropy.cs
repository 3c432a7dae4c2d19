namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class CrossEntropy(IlgpuBackend backend) : Ops.CrossEntropy(backend)
{
    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights) => throw new NotSupportedException("not there yet");

    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale) => throw new NotSupportedException("not there yet");
}
