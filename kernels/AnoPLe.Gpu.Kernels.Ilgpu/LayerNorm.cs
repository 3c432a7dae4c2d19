using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row; mean first, then the variance around it, so that a large mean costs no digits.</summary>
internal sealed class LayerNorm(IlgpuBackend backend) : Ops.LayerNorm(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, View weight, View bias, View mean, View rstd, int C, int save);

    private Launch? forward;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean, Tensor? rstd)
    {
        forward ??= backend.Load<Launch>(nameof(LayerNorm), ForwardKernel);
        // Without mean and rstd the kernel still needs views to pass on; it does not write to them.
        forward(backend.Stream, (x.Rows, RowGroup.Threads), y.View(backend), x.View(backend), weight.View(backend), bias.View(backend),
            (mean ?? y).View(backend), (rstd ?? y).View(backend), x.Width, mean is null ? 0 : 1);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd) => throw new NotSupportedException("not there yet");

    protected override void BackwardParametersCore(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd) => throw new NotSupportedException("not there yet");

    [Kernel]
    private static void ForwardKernel(View y, View x, View weight, View bias, View mean, View rstd, int C, int save)
    {
        var sums = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var squares = sums.SubView(RowGroup.Quads);
        int row = Grid.IdxX, x0 = row * C;      // x0: start of x[row, :]
        float sum = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            sum += x[x0 + c];
        float m = RowGroup.Sum(sums, sum) / C;
        float square = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float d = x[x0 + c] - m;
            square += d * d;
        }
        float r = 1f / XMath.Sqrt(RowGroup.Sum(squares, square) / C + Epsilon);
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[x0 + c] = (x[x0 + c] - m) * r * weight[c] + bias[c];
        if (save != 0 && Group.IdxX == 0)
        {
            mean[row] = m;
            rstd[row] = r;
        }
    }
}
