namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// The reordering around the product: one group per input position, a thread per output channel. A thread moves the four places of its
/// channel, which are neighbours in the cells, to or from four rows of the output, where neighbouring threads are neighbours.
/// </summary>
internal sealed class TransposedConv2x2(IlgpuBackend backend) : Ops.TransposedConv2x2(backend)
{
    private delegate void LaunchScatter(AcceleratorStream stream, KernelConfig config, View y, View cells, View bias, int width, int O);

    private delegate void LaunchGather(AcceleratorStream stream, KernelConfig config, View dcells, View dy, int width, int O);

    private LaunchScatter? scatter;
    private LaunchGather? gather;

    protected override void ScatterCore(Tensor y, Tensor cells, Tensor bias)
    {
        scatter ??= backend.Load<LaunchScatter>(nameof(TransposedConv2x2), ScatterKernel);
        scatter(backend.Stream, (cells.Rows, RowGroup.Threads), y.View(backend), cells.View(backend), bias.View(backend), cells.Shape[2], y.Width);
    }

    protected override void GatherCore(Tensor dcells, Tensor dy)
    {
        gather ??= backend.Load<LaunchGather>(nameof(TransposedConv2x2), GatherKernel);
        gather(backend.Stream, (dcells.Rows, RowGroup.Threads), dcells.View(backend), dy.View(backend), dcells.Shape[2], dy.Width);
    }

    // width: columns of the input grid. line = n h + i, whose outputs begin at output line 2 line.
    [Kernel]
    private static void ScatterKernel(View y, View cells, View bias, int width, int O)
    {
        int row = Grid.IdxX, line = row / width, j = row - line * width;
        int from = row * 4 * O, upper = (4 * line * width + 2 * j) * O, lower = upper + 2 * width * O;      // starts of cells[row], y[2i, 2j], y[2i + 1, 2j]
        for (int o = Group.IdxX; o < O; o += RowGroup.Threads)
        {
            float b = bias[o];
            y[upper + o] = cells[from + 4 * o] + b;
            y[upper + O + o] = cells[from + 4 * o + 1] + b;
            y[lower + o] = cells[from + 4 * o + 2] + b;
            y[lower + O + o] = cells[from + 4 * o + 3] + b;
        }
    }

    [Kernel]
    private static void GatherKernel(View dcells, View dy, int width, int O)
    {
        int row = Grid.IdxX, line = row / width, j = row - line * width;
        int to = row * 4 * O, upper = (4 * line * width + 2 * j) * O, lower = upper + 2 * width * O;
        for (int o = Group.IdxX; o < O; o += RowGroup.Threads)
        {
            dcells[to + 4 * o] = dy[upper + o];
            dcells[to + 4 * o + 1] = dy[upper + O + o];
            dcells[to + 4 * o + 2] = dy[lower + o];
            dcells[to + 4 * o + 3] = dy[lower + O + o];
        }
    }
}
