using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>What the attention's forward and backward share: one head's keys or values as panels, and products with a panel.</summary>
internal static unsafe class AttentionPanels<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private static int NR => MicroKernels<V, O>.Columns;

    /// <summary>Rows transposed into panels of NR rows, [panel][columns][NR]; the last is filled up with zeros.</summary>
    public static void PackTransposed(float* x, nint ld, int rows, int columns, float* packed)
    {
        for (int row = 0; row < rows; row += NR, packed += (nint)NR * columns)
        {
            int count = Math.Min(NR, rows - row);
            if (count < NR)
                new Span<float>(packed, NR * columns).Clear();
            Transpose.Rows(x + row * ld, ld, count, columns, packed, NR);
        }
    }

    /// <summary>Rows copied into panels of NR columns, panelSize floats apart; the last is filled up with zeros.</summary>
    public static void PackCopied(float* x, nint ld, int rows, int columns, float* packed, nint panelSize)
    {
        for (int column = 0; column < columns; column += NR, packed += panelSize)
        {
            int count = Math.Min(NR, columns - column);
            float* row = packed;
            for (int r = 0; r < rows; r++, row += NR)
            {
                var target = new Span<float>(row, NR);
                new ReadOnlySpan<float>(x + r * ld + column, count).CopyTo(target);
                target[count..].Clear();
            }
        }
    }

    /// <summary>C = A B, or C += A B, for rows of A and one panel B.</summary>
    public static void Multiply(int rows, int depth, float* a, nint lda, float* panel, float* c, nint ldc, bool add)
    {
        for (int left = rows; left > 0;)
        {
            int done = MicroKernels<V, O>.Tile(left, depth, a, lda, panel, c, ldc, null, add);
            left -= done;
            a += done * lda;
            c += done * ldc;
        }
    }
}
