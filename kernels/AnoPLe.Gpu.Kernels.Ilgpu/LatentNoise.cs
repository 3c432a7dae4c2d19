namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row; backward, one element a thread.</summary>
internal sealed class LatentNoise(IlgpuBackend backend) : Ops.LatentNoise(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, View noise, View mask, int C, int masked, float scale);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dx, View dy, int count);

    private Launch? forward;
    private LaunchBackward? backwardInput;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale)
    {
        forward ??= backend.Load<Launch>(nameof(LatentNoise), ForwardKernel);
        // Without a mask the kernel still needs a view to pass on; it does not read it.
        forward(backend.Stream, (x.Rows, RowGroup.Threads), y.View(backend), x.View(backend), noise.View(backend), (mask ?? x).View(backend), x.Width,
            mask is null ? 0 : 1, scale);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy)
    {
        backwardInput ??= backend.Load<LaunchBackward>(nameof(LatentNoise), BackwardInputKernel);
        backwardInput(backend.Stream, ElementGroups.Config(backend, dx.Count), dx.View(backend), dy.View(backend), dx.Count);
    }

    [Kernel]
    private static void ForwardKernel(View y, View x, View noise, View mask, int C, int masked, float scale)
    {
        int row = Grid.IdxX, x0 = row * C;      // x0: start of x[row, :]
        float factor = scale;
        if (masked != 0)
            factor *= mask[row];
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[x0 + c] = x[x0 + c] + factor * noise[x0 + c];
    }

    [Kernel]
    private static void BackwardInputKernel(View dx, View dy, int count)
    {
        int i = ElementGroups.Element;
        if (i < count)
            dx[i] += dy[i];
    }
}
