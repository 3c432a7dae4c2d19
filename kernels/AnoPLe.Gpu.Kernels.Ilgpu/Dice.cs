namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class Dice(IlgpuBackend backend) : Ops.Dice(backend)
{
    protected override void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon) => throw new NotSupportedException("not there yet");

    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale) => throw new NotSupportedException("not there yet");
}
