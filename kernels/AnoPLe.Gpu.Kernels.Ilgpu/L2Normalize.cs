using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row.</summary>
internal sealed class L2Normalize(IlgpuBackend backend) : Ops.L2Normalize(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, int C);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dx, View dy, View x, int C);

    private Launch? forward;
    private LaunchBackward? backwardInput;

    protected override void ForwardCore(Tensor y, Tensor x)
    {
        forward ??= backend.Load<Launch>(nameof(L2Normalize), ForwardKernel);
        forward(backend.Stream, (x.Rows, RowGroup.Threads), y.View(backend), x.View(backend), x.Width);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x)
    {
        backwardInput ??= backend.Load<LaunchBackward>(nameof(L2Normalize), BackwardInputKernel);
        backwardInput(backend.Stream, (x.Rows, RowGroup.Threads), dx.View(backend), dy.View(backend), x.View(backend), x.Width);
    }

    [Kernel]
    private static void ForwardKernel(View y, View x, int C)
    {
        var squares = SharedMemory.Allocate<F4>(RowGroup.Quads);
        int x0 = Grid.IdxX * C;      // start of x[row, :]
        float square = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            square += x[x0 + c] * x[x0 + c];
        float r = 1f / XMath.Sqrt(RowGroup.Sum(squares, square) + Epsilon);
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[x0 + c] = x[x0 + c] * r;
    }

    [Kernel]
    private static void BackwardInputKernel(View dx, View dy, View x, int C)
    {
        var squares = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var dots = squares.SubView(RowGroup.Quads);
        int x0 = Grid.IdxX * C;      // start of x[row, :]
        float square = 0f, dot = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float value = x[x0 + c];
            square += value * value;
            dot += value * dy[x0 + c];
        }
        float r = 1f / XMath.Sqrt(RowGroup.Sum(squares, square) + Epsilon);
        float along = r * (r * RowGroup.Sum(dots, dot));      // x times this is y (y . dy)
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            dx[x0 + c] += r * (dy[x0 + c] - along * x[x0 + c]);
    }
}
