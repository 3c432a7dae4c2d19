using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A matrix product cut into blocks of rows and panels.</summary>
internal sealed unsafe class GemmJob<V, O>(Workspace workspace) : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int TasksPerThread = 16; // many small ones, so that a core which another process slows does not keep the rest waiting
    private const long SmallestTask = 1 << 21; // multiply-adds, some tens of µs: handing over less is not worth it

    private Product product;
    private int rows, rowBlock, panels, panelBlocks, panelsPerTask;

    /// <summary>Takes the arguments of one call.</summary>
    public void Set(in Product p, int m, int threads)
    {
        product = p;
        rows = m;
        int nr = Gemm<V, O>.PanelColumns, tallest = MicroKernels<V, O>.MaxRows;
        panels = (p.N + nr - 1) / nr;
        // A tile of few rows costs nearly as much as a full one, because the weights pass by all the same.
        long work = (long)Math.Max(m, tallest) * p.N * p.K;
        int wanted = threads == 1 ? 1 : (int)Math.Clamp(work / SmallestTask, 1, TasksPerThread * threads);
        int rowBlocks = (m + Gemm<V, O>.RowBlock - 1) / Gemm<V, O>.RowBlock;
        if (rowBlocks * panels < wanted) // many threads and few panels: fewer rows a block, but at least four tiles
            rowBlocks = Math.Max(rowBlocks, Math.Min((wanted + panels - 1) / panels, m / (4 * tallest)));
        rowBlock = ((m + rowBlocks - 1) / rowBlocks + tallest - 1) / tallest * tallest;
        rowBlocks = (m + rowBlock - 1) / rowBlock;
        // Tasks that follow each other share rows of A, which stay in cache, so panels can be cut finely.
        // All but the last are equal: a task of one panel more than the others would be what the end waits for.
        panelsPerTask = Math.Max(1, panels / Math.Max(1, wanted / rowBlocks));
        panelBlocks = (panels + panelsPerTask - 1) / panelsPerTask;
        Tasks = rowBlocks * panelBlocks;
        workspace.Reserve(Gemm<V, O>.ScratchSize(product, rowBlock));
    }

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int row = task / panelBlocks * rowBlock, block = task % panelBlocks;
        int panel = block * panelsPerTask, panelEnd = Math.Min(panels, panel + panelsPerTask);
        Gemm<V, O>.Block(product, row, Math.Min(rows, row + rowBlock), panel, panelEnd, workspace.Of(worker));
    }
}
