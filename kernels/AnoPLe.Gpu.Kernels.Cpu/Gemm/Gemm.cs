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

    /// <summary>Columns of a panel.</summary>
    public static int PanelColumns => MicroKernels<V, O>.Columns;

    /// <summary>Rows [row, rowEnd) of the columns of panels [panel, panelEnd).</summary>
    public static void Block(in Product p, int row, int rowEnd, int panel, int panelEnd)
    {
        int nr = PanelColumns, wholePanels = p.N / nr;
        for (int k = 0; k < p.K; k += DepthBlock)
            for (int j = panel; j < panelEnd; j++)
                if (j < wholePanels)
                    Panel(p, row, rowEnd, j, k);
                else
                    PartialPanel(p, row, rowEnd, j, k);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Panel(in Product p, int row, int rowEnd, int panel, int k)
    {
        int nr = PanelColumns, kc = Math.Min(DepthBlock, p.K - k);
        bool isFirst = k == 0, isLast = k + kc == p.K, add = p.Accumulate || !isFirst;
        float* b = p.B + ((nint)panel * p.K + k) * nr, bias = isFirst && p.Bias != null ? p.Bias + panel * nr : null;
        float* a = p.A + row * p.Lda + k, c = p.C + row * p.Ldc + (nint)panel * nr;
        for (int left = rowEnd - row; left > 0;)
        {
            int done = MicroKernels<V, O>.Tile(left, kc, a, p.Lda, b, c, p.Ldc, bias, add);
            if (isLast && p.Activation != Ops.Activation.None)
                Elementwise<V, O>.Activate(p.Activation, c, done, p.Ldc);
            left -= done;
            a += done * p.Lda;
            c += done * p.Ldc;
        }
    }

    /// <summary>The last panel when N is no multiple of its width: tiles are computed aside, and only the columns that exist are copied.</summary>
    [SkipLocalsInit]
    private static void PartialPanel(in Product p, int row, int rowEnd, int panel, int k)
    {
        int nr = PanelColumns, columns = p.N - panel * nr, kc = Math.Min(DepthBlock, p.K - k);
        bool isFirst = k == 0, isLast = k + kc == p.K, add = p.Accumulate || !isFirst;
        float* b = p.B + ((nint)panel * p.K + k) * nr, bias = isFirst && p.Bias != null ? p.Bias + panel * nr : null;
        float* a = p.A + row * p.Lda + k, c = p.C + row * p.Ldc + (nint)panel * nr;
        float* tile = stackalloc float[MicroKernels<V, O>.MaxRows * nr];
        for (int left = rowEnd - row; left > 0;)
        {
            int height = Math.Min(left, MicroKernels<V, O>.MaxRows);
            if (add)
                CopyRows(c, p.Ldc, tile, nr, height, columns);
            int done = MicroKernels<V, O>.Tile(height, kc, a, p.Lda, b, tile, nr, bias, add);
            if (isLast && p.Activation != Ops.Activation.None)
                Elementwise<V, O>.Activate(p.Activation, tile, done, nr);
            CopyRows(tile, nr, c, p.Ldc, done, columns);
            left -= done;
            a += done * p.Lda;
            c += done * p.Ldc;
        }
    }

    private static void CopyRows(float* source, nint sourceLd, float* target, nint targetLd, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                target[r * targetLd + c] = source[r * sourceLd + c];
    }
}
