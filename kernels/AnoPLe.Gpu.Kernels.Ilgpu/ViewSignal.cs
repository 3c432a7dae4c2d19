namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Stub.</summary>
internal sealed class ViewSignal(IlgpuBackend backend) : Ops.ViewSignal(backend)
{
    protected override void ForwardCore(Tensor y, Tensor x, Tensor signal) => throw new NotSupportedException("not there yet");

    protected override void BackwardParametersCore(Tensor dsignal, Tensor dy) => throw new NotSupportedException("not there yet");
}
