using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// The reordering around the product: a row of cells is O x 4 (output channel, place in the 2 x 2 square) and becomes 4 rows of O, two next to
/// each other and two a line of the output below. So it is a small transposition per input position, through a tile that stays in cache.
/// </summary>
internal sealed unsafe class TransposedConv2x2<V, O>(CpuBackend backend) : Ops.TransposedConv2x2(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ScatterJob scatter = new(backend.Workspace);
    private readonly GatherJob gather = new(backend.Workspace);

    /// <inheritdoc/>
    protected override void ScatterCore(Tensor y, Tensor cells, Tensor bias)
    {
        scatter.Bias = bias.Floats();
        Run(scatter, y, cells);
        GC.KeepAlive(bias);
    }

    /// <inheritdoc/>
    protected override void GatherCore(Tensor dcells, Tensor dy) => Run(gather, dy, dcells);

    private void Run(CellsJob job, Tensor y, Tensor cells)
    {
        job.Y = y.Floats();
        job.Cells = cells.Floats();
        job.InputWidth = cells.Shape[2];
        job.SetRows(cells.Rows, y.Width, backend.Threads);
        backend.Workspace.Reserve(4L * y.Width);
        backend.Run(job, y, cells);
    }

    /// <summary>A row is an input position; its width the output channels.</summary>
    private abstract class CellsJob : RowsJob
    {
        public float* Y, Cells;
        public int InputWidth;

        protected float* CellsOf(int row) => Cells + (nint)row * 4 * Width;

        /// <summary>Output (2i + r, 2j) of input (n, i, j): the place of the pair (s = 0, 1), which lies in one piece.</summary>
        protected float* PairOf(int row, int r)
        {
            int line = row / InputWidth, j = row % InputWidth;      // line = n h + i, whose outputs begin at line 2 line
            return Y + ((nint)(2 * line + r) * 2 * InputWidth + 2 * j) * Width;
        }
    }

    private sealed class ScatterJob(Workspace workspace) : CellsJob
    {
        public float* Bias;

        protected override void Row(int row, int worker)
        {
            float* tile = workspace.Of(worker);
            Transpose.Rows(CellsOf(row), 4, Width, 4, tile, Width);
            for (int place = 0; place < 4; place++)
                AddBias(tile + (nint)place * Width, PairOf(row, place / 2) + (nint)(place % 2) * Width);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void AddBias(float* x, float* y)
        {
            int o = 0;
            for (; o <= Width - O.N; o += O.N)
                O.Store(O.Add(O.Load(x + o), O.Load(Bias + o)), y + o);
            for (; o < Width; o++)
                y[o] = x[o] + Bias[o];
        }
    }

    private sealed class GatherJob(Workspace workspace) : CellsJob
    {
        protected override void Row(int row, int worker)
        {
            float* tile = workspace.Of(worker);
            for (int r = 0; r < 2; r++)
                new ReadOnlySpan<float>(PairOf(row, r), 2 * Width).CopyTo(new Span<float>(tile + (nint)r * 2 * Width, 2 * Width));
            Transpose.Rows(tile, Width, 4, Width, CellsOf(row), 4);
        }
    }
}
