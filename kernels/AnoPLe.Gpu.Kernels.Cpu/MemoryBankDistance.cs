using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Matrix product whose tiles are reduced to row maxima at once. Rows and bank are cut into blocks; every block leaves its rows' best
/// cosine, and the best of the blocks is taken at the end (a maximum does not depend on order).
/// </summary>
internal sealed unsafe class MemoryBankDistance<V, O>(CpuBackend backend) : Ops.MemoryBankDistance(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly BestCosineJob bestCosine = new(backend.Workspace);
    private readonly Workspace best = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor distance, Tensor features, Ops.PackedLinear bank, float scale, bool accumulate)
    {
        int rows = features.Rows;
        bestCosine.Set(features.Floats(), rows, bank.Panels(), backend.Threads);
        backend.Workspace.Reserve(bestCosine.WorkspaceSize);
        best.Reserve((long)rows * bestCosine.Splits);
        bestCosine.Best = best.Of(0);
        backend.Run(bestCosine, distance, features, bank);
        float* d = distance.Floats();
        for (int row = 0; row < rows; row++)
        {
            float cosine = bestCosine.Best[row];
            for (int split = 1; split < bestCosine.Splits; split++)
                cosine = MathF.Max(cosine, bestCosine.Best[(nint)split * rows + row]);
            float term = scale * (1 - cosine) / 2;
            d[row] = accumulate ? d[row] + term : term;
        }
        GC.KeepAlive(distance);
    }

    private sealed class BestCosineJob(Workspace workspace) : Job
    {
        public float* Best; // [Splits][rows]
        private float* features, panels;
        private int rows, K, bankRows, panelCount, rowBlock, panelBlock;

        /// <summary>Parts the bank is cut into.</summary>
        public int Splits { get; private set; }

        /// <summary>A vector of maxima for every row of a block, and one tile.</summary>
        public long WorkspaceSize => (long)rowBlock * O.N + (long)MicroKernels<V, O>.MaxRows * Gemm<V, O>.PanelColumns;

        public void Set(float* x, int count, PackedPanels bank, int threads)
        {
            features = x;
            panels = bank.Panels;
            (rows, K, bankRows, panelCount) = (count, bank.InFeatures, bank.OutFeatures, bank.Count);
            int rowBlocks = (rows + Gemm<V, O>.RowBlock - 1) / Gemm<V, O>.RowBlock, tallest = MicroKernels<V, O>.MaxRows;
            rowBlock = ((rows + rowBlocks - 1) / rowBlocks + tallest - 1) / tallest * tallest;
            rowBlocks = (rows + rowBlock - 1) / rowBlock;
            int wanted = threads == 1 ? 1 : (4 * threads + rowBlocks - 1) / rowBlocks;
            panelBlock = (panelCount + wanted - 1) / wanted;
            Splits = (panelCount + panelBlock - 1) / panelBlock;
            Tasks = rowBlocks * Splits;
        }

        public override void Run(int task, int worker)
        {
            int split = task % Splits, first = task / Splits * rowBlock, count = Math.Min(rowBlock, rows - first);
            float* maxima = workspace.Of(worker), tile = maxima + (nint)rowBlock * O.N;
            for (int r = 0; r < count; r++)
                O.Store(O.Broadcast(float.NegativeInfinity), maxima + (nint)r * O.N);
            int end = Math.Min(panelCount, (split + 1) * panelBlock);
            for (int panel = split * panelBlock; panel < end; panel++)
                Panel(panel, first, count, maxima, tile);
            for (int r = 0; r < count; r++)
                Best[(nint)split * rows + first + r] = O.MaxAcross(O.Load(maxima + (nint)r * O.N));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Panel(int panel, int first, int count, float* maxima, float* tile)
        {
            int nr = Gemm<V, O>.PanelColumns, columns = Math.Min(nr, bankRows - panel * nr);
            float* a = features + (nint)first * K, b = panels + (nint)panel * K * nr;
            for (int left = count; left > 0;)
            {
                int done = MicroKernels<V, O>.Tile(left, K, a, K, b, tile, nr, null, add: false);
                if (columns < nr)
                    RepeatFirstColumn(tile, done, columns);
                for (int r = 0; r < done; r++, maxima += O.N)
                    O.Store(O.Max(O.Load(maxima), O.Max(O.Load(tile + r * nr), O.Load(tile + r * nr + O.N))), maxima);
                left -= done;
                a += (nint)done * K;
            }
        }

        /// <summary>Columns that fill up the last panel are no bank rows: a copy of the first column leaves every maximum as it is.</summary>
        private static void RepeatFirstColumn(float* tile, int height, int columns)
        {
            int nr = Gemm<V, O>.PanelColumns;
            for (int r = 0; r < height; r++)
                new Span<float>(tile + r * nr + columns, nr - columns).Fill(tile[r * nr]);
        }
    }
}
