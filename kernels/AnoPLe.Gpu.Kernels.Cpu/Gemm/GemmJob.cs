using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// A matrix product cut into tasks. A unit is one panel times one block of rows; a task is a run of units, first along the panels. The first
/// tasks are long, so that threads work far from each other, and later ones shorter and shorter, so that all end together even where
/// another process slows a core.
/// </summary>
internal sealed unsafe class GemmJob<V, O>(Workspace workspace) : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int UnitsPerThread = 8; // below that, blocks get fewer rows
    private const long SmallestTask = 1 << 21; // multiply-adds, some tens of µs: handing over less is not worth it

    private readonly List<int> starts = []; // unit at which each task begins, and the end
    private Product product;
    private int rows, rowBlock, panels;
    private int[] copied = []; // the block of rows whose copy a worker holds, or -1

    /// <summary>Takes the arguments of one call.</summary>
    public void Set(in Product p, int m, int threads)
    {
        product = p;
        rows = m;
        int nr = Gemm<V, O>.PanelColumns, tallest = MicroKernels<V, O>.MaxRows;
        panels = (p.N + nr - 1) / nr;
        int wanted = threads == 1 ? 1 : UnitsPerThread * threads, rowBlocks = (m + Gemm<V, O>.RowBlock - 1) / Gemm<V, O>.RowBlock;
        if (rowBlocks * panels < wanted) // many threads and few panels: fewer rows a block, but at least four tiles
            rowBlocks = Math.Max(rowBlocks, Math.Min((wanted + panels - 1) / panels, m / (4 * tallest)));
        rowBlock = ((m + rowBlocks - 1) / rowBlocks + tallest - 1) / tallest * tallest;
        // A tile of few rows costs nearly as much as a full one, because the weights pass by all the same.
        Cut((m + rowBlock - 1) / rowBlock * panels, (long)Math.Max(Math.Min(m, rowBlock), tallest) * nr * p.K, threads);
        workspace.Reserve(Gemm<V, O>.ScratchSize(product, rowBlock, KeepsCopies));
        if (copied.Length < threads)
            copied = new int[threads];
        Array.Fill(copied, -1);
    }

    // A copy that several tasks need is made once by each worker.
    private bool KeepsCopies => Tasks > 1;

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        for (int unit = starts[task], end = starts[task + 1]; unit < end;)
        {
            int row = unit / panels * rowBlock, panel = unit % panels, panelEnd = Math.Min(panels, panel + end - unit);
            Gemm<V, O>.Block(product, row, Math.Min(rows, row + rowBlock), panel, panelEnd, workspace.Of(worker), KeepsCopies, KeepsCopies && copied[worker] == row);
            copied[worker] = row;
            unit += panelEnd - panel;
        }
    }

    /// <summary>Each task gets an equal part of half of what is left.</summary>
    private void Cut(int units, long unitCost, int threads)
    {
        int smallest = threads == 1 ? units : (int)Math.Clamp(SmallestTask / unitCost, 1, units);
        starts.Clear();
        for (int unit = 0; unit < units; unit += Math.Max(smallest, (units - unit) / (2 * threads)))
            starts.Add(unit);
        Tasks = starts.Count;
        starts.Add(units);
    }
}
