namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One sample a thread. With x = b or -b, whichever the label makes wrong when large, loss and gradient are softplus(x) and sigmoid(x).</summary>
internal sealed class CrossEntropy(IlgpuBackend backend) : Ops.CrossEntropy(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View loss, View logits, View labels, View weights, int count);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dlogits, View logits, View labels, View weights, int count, float scale);

    private Launch? forward;
    private LaunchBackward? backwardInput;

    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights)
    {
        forward ??= backend.Load<Launch>(nameof(CrossEntropy), ForwardKernel);
        forward(backend.Stream, ElementGroups.Config(backend, loss.Count), loss.View(backend), logits.View(backend), labels.View(backend), weights.View(backend), loss.Count);
    }

    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale)
    {
        backwardInput ??= backend.Load<LaunchBackward>(nameof(CrossEntropy), BackwardInputKernel);
        backwardInput(backend.Stream, ElementGroups.Config(backend, dlogits.Count), dlogits.View(backend), logits.View(backend), labels.View(backend), weights.View(backend),
            dlogits.Count, scale);
    }

    [Kernel]
    private static void ForwardKernel(View loss, View logits, View labels, View weights, int count)
    {
        int i = ElementGroups.Element;
        if (i >= count)
            return;
        float x = (1f - 2f * labels[i]) * logits[i];
        loss[i] = weights[i] * Logistic.Softplus(x, Logistic.Odds(x));
    }

    // sigmoid(b) - label is the sigmoid of x with its sign: no difference, so a confident sample keeps its small gradient.
    [Kernel]
    private static void BackwardInputKernel(View dlogits, View logits, View labels, View weights, int count, float scale)
    {
        int i = ElementGroups.Element;
        if (i >= count)
            return;
        float sign = 1f - 2f * labels[i];
        dlogits[i] += scale * weights[i] * sign * Logistic.Sigmoid(sign * logits[i]);
    }
}
