namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One pixel a thread.</summary>
internal sealed class FusedScore(IlgpuBackend backend) : Ops.FusedScore(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View logits, View memory, int count, int fuse, float epsilon);

    private Launch? forward;

    protected override void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon)
    {
        forward ??= backend.Load<Launch>(nameof(FusedScore), ForwardKernel);
        // Without a memory the kernel still needs a view to pass on; it does not read it.
        forward(backend.Stream, ElementGroups.Config(backend, y.Count), y.View(backend), logits.View(backend), (memory ?? logits).View(backend), y.Count,
            memory is null ? 0 : 1, epsilon);
    }

    [Kernel]
    private static void ForwardKernel(View y, View logits, View memory, int count, int fuse, float epsilon)
    {
        int i = ElementGroups.Element;
        if (i >= count)
            return;
        float score = Logistic.Sigmoid(logits[i]);
        if (fuse != 0)
        {
            float q = memory[i];
            score = 2f * score * q / (score + q + epsilon);
        }
        y[i] = score;
    }
}
