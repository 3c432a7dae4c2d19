using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Rows, then columns; one thread per pixel, neighbours along the line, whose reads overlap in the cache.</summary>
internal sealed class GaussianBlur(IlgpuBackend backend) : Ops.GaussianBlur(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, View weights, int r, int H, int W);

    private Launch? rows, columns;
    private MemoryBuffer1D<float, Stride1D.Dense>? weights;
    private float weightsSigma;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor scratch, float sigma)
    {
        int r = Radius(sigma), H = x.Shape[1], W = x.Shape[2];
        var w = backend.Scratch(ref weights, "blur weights", MaxRadius + 1);
        if (weightsSigma != sigma)
        {
            backend.Synchronize();
            w.SubView(0, r + 1).CopyFromCPU(backend.Stream, Weights(sigma));
            backend.Synchronize();
            weightsSigma = sigma;
        }
        rows ??= backend.Load<Launch>(nameof(GaussianBlur), RowsKernel);
        columns ??= backend.Load<Launch>(nameof(GaussianBlur), ColumnsKernel);
        rows(backend.Stream, PixelGroups.Config(x), scratch.View(backend), x.View(backend), w, r, H, W);
        columns(backend.Stream, PixelGroups.Config(x), y.View(backend), scratch.View(backend), w, r, H, W);
    }

    [Kernel]
    private static void RowsKernel(View y, View x, View weights, int r, int H, int W)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX, line = Grid.IdxY * Group.DimY + Group.IdxY;
        if (column >= W || line >= H)
            return;
        int start = (Grid.IdxZ * H + line) * W;      // start of the line
        float sum = weights[0] * x[start + column];
        if (column >= r && column + r < W)
            for (int i = 1; i <= r; i++)
                sum += weights[i] * (x[start + column - i] + x[start + column + i]);
        else
            for (int i = 1; i <= r; i++)
                sum += weights[i] * (x[start + Reflect(column - i, W)] + x[start + Reflect(column + i, W)]);
        y[start + column] = sum;
    }

    [Kernel]
    private static void ColumnsKernel(View y, View x, View weights, int r, int H, int W)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX, line = Grid.IdxY * Group.DimY + Group.IdxY;
        if (column >= W || line >= H)
            return;
        int start = Grid.IdxZ * H * W + column;      // top of the column
        float sum = weights[0] * x[start + line * W];
        if (line >= r && line + r < H)
            for (int i = 1; i <= r; i++)
                sum += weights[i] * (x[start + (line - i) * W] + x[start + (line + i) * W]);
        else
            for (int i = 1; i <= r; i++)
                sum += weights[i] * (x[start + Reflect(line - i, H) * W] + x[start + Reflect(line + i, H) * W]);
        y[start + line * W] = sum;
    }

    // d c b a | a b c d | d c b a, repeated: the pattern has a period of 2n. i is at least -MaxRadius.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Reflect(int i, int n)
    {
        int period = 2 * n, m = i % period;
        if (m < 0)
            m += period;
        return m < n ? m : period - 1 - m;
    }
}
