namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One element a thread; the functions are those of the products' epilogues.</summary>
internal sealed class ElementwiseActivation(IlgpuBackend backend) : Ops.ElementwiseActivation(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, int count);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dx, View dy, View x, int count);

    private Launch? geluForward, quickGeluForward;
    private LaunchBackward? geluBackward, quickGeluBackward;

    protected override void ForwardCore(Tensor y, Tensor x, Ops.Activation activation)
    {
        var launch = activation == Ops.Activation.Gelu
            ? geluForward ??= backend.Load<Launch>(nameof(ElementwiseActivation), ForwardKernel<Gelu>)
            : quickGeluForward ??= backend.Load<Launch>(nameof(ElementwiseActivation), ForwardKernel<QuickGelu>);
        launch(backend.Stream, ElementGroups.Config(backend, x.Count), y.View(backend), x.View(backend), x.Count);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Ops.Activation activation)
    {
        var launch = activation == Ops.Activation.Gelu
            ? geluBackward ??= backend.Load<LaunchBackward>(nameof(ElementwiseActivation), BackwardInputKernel<Gelu>)
            : quickGeluBackward ??= backend.Load<LaunchBackward>(nameof(ElementwiseActivation), BackwardInputKernel<QuickGelu>);
        launch(backend.Stream, ElementGroups.Config(backend, x.Count), dx.View(backend), dy.View(backend), x.View(backend), x.Count);
    }

    [Kernel(typeof(Gelu)), Kernel(typeof(QuickGelu))]
    private static void ForwardKernel<F>(View y, View x, int count)
        where F : struct, IActivation
    {
        int i = ElementGroups.Element;
        if (i < count)
            y[i] = F.Apply(x[i]);
    }

    [Kernel(typeof(Gelu)), Kernel(typeof(QuickGelu))]
    private static void BackwardInputKernel<F>(View dx, View dy, View x, int count)
        where F : struct, IActivation
    {
        int i = ElementGroups.Element;
        if (i < count)
            dx[i] = dy[i] * F.Slope(x[i]);
    }
}
