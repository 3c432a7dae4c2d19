using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Operands of C = act(A B + bias), or C += A B + bias, with B in panels.</summary>
internal unsafe struct Product
{
    /// <summary>M rows of K, lda apart, read in place.</summary>
    public float* A;

    /// <summary>Distance of A's rows.</summary>
    public nint Lda;

    /// <summary>B's panels, [Count][K][PanelColumns], zeros after column N.</summary>
    public float* B;

    /// <summary>Whether the panels hold pairs of bf16, [Count][K][PanelColumns / 2].</summary>
    public bool IsRounded;

    /// <summary>M rows of N, ldc apart. Nothing beyond them is touched.</summary>
    public float* C;

    /// <summary>Distance of C's rows.</summary>
    public nint Ldc;

    /// <summary>A bias of whole panels, or null.</summary>
    public float* Bias;

    /// <summary>Length of the sums.</summary>
    public int K;

    /// <summary>Columns of C.</summary>
    public int N;

    /// <summary>C += instead of C =.</summary>
    public bool Accumulate;

    /// <summary>Applied after the bias.</summary>
    public Ops.Activation Activation;
}

/// <summary>One block of a matrix product: what one task computes.</summary>
internal static unsafe class Gemm<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>Terms summed before the next panel: 12 rows of A and a panel of B then stay in the second-level cache.</summary>
    private const int DepthBlock = 896;

    /// <summary>Rows of one block: its rows of A stay in the second-level cache while the panels pass.</summary>
    public const int RowBlock = 228;

    private const int Stagger = 16; // a cache line

    /// <summary>Columns of a panel.</summary>
    public static int PanelColumns => MicroKernels<V, O>.Columns;

    /// <summary>Floats of scratch that <see cref="Block"/> needs for a block of rows.</summary>
    public static long ScratchSize(in Product p, int rows, bool keepsCopy)
    {
        int parts = (p.K + DepthBlock - 1) / DepthBlock;
        long length = keepsCopy ? p.K + (long)parts * Stagger : Math.Min(p.K, DepthBlock) + Stagger;
        return NeedsCopy(p) ? Math.Min(rows, RowBlock + MicroKernels<V, O>.MaxRows) * length : 0;
    }

    /// <summary>Rows [row, rowEnd) of the columns of panels [panel, panelEnd).</summary>
    /// <param name="p">The product.</param>
    /// <param name="row">First row.</param>
    /// <param name="rowEnd">End of the rows.</param>
    /// <param name="panel">First panel.</param>
    /// <param name="panelEnd">End of the panels.</param>
    /// <param name="scratch"><see cref="ScratchSize"/> floats, where a copy of the rows may lie.</param>
    /// <param name="keepsCopy">Whether all of the copy shall stay in scratch for later calls on the same rows; otherwise a part overwrites the last.</param>
    /// <param name="isCopied">Whether an earlier call has left it there.</param>
    public static void Block(in Product p, int row, int rowEnd, int panel, int panelEnd, float* scratch, bool keepsCopy = false, bool isCopied = false)
    {
        int nr = PanelColumns, wholePanels = p.N / nr;
        bool copies = NeedsCopy(p);
        for (int k = 0; k < p.K; k += DepthBlock)
        {
            int kc = Math.Min(DepthBlock, p.K - k);
            var slice = new Slice(p.A + row * p.Lda + k, p.Lda, p.C + row * p.Ldc, rowEnd - row, k, kc);
            if (copies)
            {
                var copy = new Slice(scratch, kc + Stagger, slice.C, slice.Rows, k, kc);
                if (!isCopied)
                    CopyRows(slice.A, slice.Lda, copy.A, copy.Lda, slice.Rows, kc);
                slice = copy;
                scratch += keepsCopy ? copy.Rows * copy.Lda : 0;
            }
            for (int j = panel; j < panelEnd; j++)
                if (j < wholePanels)
                    Panel(p, slice, j);
                else
                    PartialPanel(p, slice, j);
        }
    }

    /// <summary>Terms [First, First + Depth) of the sums of some rows.</summary>
    private readonly struct Slice(float* a, nint lda, float* c, int rows, int first, int depth)
    {
        public readonly float* A = a, C = c;
        public readonly nint Lda = lda;
        public readonly int Rows = rows, First = first, Depth = depth;
    }

    /// <summary>
    /// Rows whose distance is a multiple of 4 KiB fall into the same sets of the first-level cache and push each other out; then, and
    /// only then, a block is first copied to rows that do not. Widths 1024, 2048, 3072 and 4096 are such.
    /// </summary>
    private static bool NeedsCopy(in Product p) => p.Lda % 1024 == 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Panel(in Product p, in Slice s, int panel)
    {
        int nr = PanelColumns;
        bool isLast = s.First + s.Depth == p.K, add = p.Accumulate || s.First > 0;
        float* b = PanelOf(p, s, panel), bias = s.First == 0 && p.Bias != null ? p.Bias + panel * nr : null;
        float* a = s.A, c = s.C + (nint)panel * nr;
        int tallest = MicroKernels<V, O>.MaxRows;
        for (int left = s.Rows; left > 0;)
        {
            for (int r = Math.Min(left, tallest) - 1; r >= 0; r--) // what is written after the sums is there by then: worth 1%
            {
                Prefetch.Near(c + r * p.Ldc);
                Prefetch.Near(c + r * p.Ldc + nr / 2);
            }
            int done = Tile(p, left, s.Depth, a, s.Lda, b, c, p.Ldc, bias, add);
            if (isLast && p.Activation != Ops.Activation.None)
                Elementwise<V, O>.Activate(p.Activation, c, done, p.Ldc);
            left -= done;
            a += done * s.Lda;
            c += done * p.Ldc;
        }
    }

    /// <summary>The last panel when N is no multiple of its width: tiles are computed aside, and only the columns that exist are copied.</summary>
    [SkipLocalsInit]
    private static void PartialPanel(in Product p, in Slice s, int panel)
    {
        int nr = PanelColumns, columns = p.N - panel * nr;
        bool isLast = s.First + s.Depth == p.K, add = p.Accumulate || s.First > 0;
        float* b = PanelOf(p, s, panel), bias = s.First == 0 && p.Bias != null ? p.Bias + panel * nr : null;
        float* a = s.A, c = s.C + (nint)panel * nr;
        float* tile = stackalloc float[MicroKernels<V, O>.MaxRows * nr];
        for (int left = s.Rows; left > 0;)
        {
            int height = Math.Min(left, MicroKernels<V, O>.MaxRows);
            if (add)
                CopyRows(c, p.Ldc, tile, nr, height, columns);
            int done = Tile(p, height, s.Depth, a, s.Lda, b, tile, nr, bias, add);
            if (isLast && p.Activation != Ops.Activation.None)
                Elementwise<V, O>.Activate(p.Activation, tile, done, nr);
            CopyRows(tile, nr, c, p.Ldc, done, columns);
            left -= done;
            a += done * s.Lda;
            c += done * p.Ldc;
        }
    }

    private static float* PanelOf(in Product p, in Slice s, int panel) => p.B + ((nint)panel * p.K + s.First) * (p.IsRounded ? PanelColumns / 2 : PanelColumns);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Tile(in Product p, int rowsLeft, int kc, float* a, nint lda, float* b, float* c, nint ldc, float* bias, bool add) => p.IsRounded
        ? Bf16Kernels<V, O>.Tile(rowsLeft, kc, a, lda, b, c, ldc, bias, add)
        : MicroKernels<V, O>.Tile(rowsLeft, kc, a, lda, b, c, ldc, bias, add);

    private static void CopyRows(float* source, nint sourceLd, float* target, nint targetLd, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
            new ReadOnlySpan<float>(source + r * sourceLd, columns).CopyTo(new Span<float>(target + r * targetLd, columns));
    }
}
