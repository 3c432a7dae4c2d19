using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>One group per row.</summary>
internal sealed class L2Normalize(IlgpuBackend backend) : Ops.L2Normalize(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, int C);

    private Launch? forward;

    protected override void ForwardCore(Tensor y, Tensor x)
    {
        forward ??= backend.Load<Launch>(nameof(L2Normalize), ForwardKernel);
        forward(backend.Stream, (x.Rows, RowGroup.Threads), y.View(backend), x.View(backend), x.Width);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x) => throw new NotSupportedException("not there yet");

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
}
