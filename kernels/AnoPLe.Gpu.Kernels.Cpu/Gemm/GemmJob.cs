using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A matrix product cut into blocks of rows and panels.</summary>
internal sealed unsafe class GemmJob<V, O>(Workspace workspace) : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int PanelBlock = 14; // panels of one block: enough to use its rows of A many times
    private const long SmallProduct = 1 << 17; // multiply-adds that one core does in a few µs

    private Product product;
    private int rows, panels, rowBlock, panelBlock, panelBlocks;

    /// <summary>Takes the arguments of one call.</summary>
    public void Set(in Product p, int m, int threads)
    {
        product = p;
        rows = m;
        int nr = Gemm<V, O>.PanelColumns, tallest = MicroKernels<V, O>.MaxRows;
        panels = (p.N + nr - 1) / nr;
        // Equal blocks of whole tiles.
        int rowBlocks = (m + Gemm<V, O>.RowBlock - 1) / Gemm<V, O>.RowBlock;
        rowBlock = ((m + rowBlocks - 1) / rowBlocks + tallest - 1) / tallest * tallest;
        rowBlocks = (m + rowBlock - 1) / rowBlock;
        panelBlocks = (panels + PanelBlock - 1) / PanelBlock;
        if ((long)m * p.N * p.K < SmallProduct)
            panelBlocks = rowBlocks = 1;
        else if (threads > 1 && rowBlocks * panelBlocks < 4 * threads)
        {
            // At least four blocks a thread, and a whole number for each.
            int wanted = (4 * threads + rowBlocks - 1) / rowBlocks / threads * threads;
            panelBlocks = Math.Min(panels, Math.Max(panelBlocks, wanted));
        }
        if (rowBlocks == 1)
            rowBlock = m;
        panelBlock = (panels + panelBlocks - 1) / panelBlocks;
        panelBlocks = (panels + panelBlock - 1) / panelBlock;
        Tasks = rowBlocks * panelBlocks;
        workspace.Reserve(Gemm<V, O>.ScratchSize(product, rowBlock));
    }

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int row = task / panelBlocks * rowBlock, panel = task % panelBlocks * panelBlock;
        Gemm<V, O>.Block(product, row, Math.Min(rows, row + rowBlock), panel, Math.Min(panels, panel + panelBlock),
            workspace.Of(worker));
    }
}
