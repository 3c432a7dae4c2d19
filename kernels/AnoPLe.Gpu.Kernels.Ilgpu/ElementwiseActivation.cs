namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class ElementwiseActivation(IlgpuBackend backend) : Ops.ElementwiseActivation(backend)
{
    protected override void ForwardCore(Tensor y, Tensor x, Ops.Activation activation) => throw new NotSupportedException("not there yet");

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Ops.Activation activation) => throw new NotSupportedException("not there yet");
}
