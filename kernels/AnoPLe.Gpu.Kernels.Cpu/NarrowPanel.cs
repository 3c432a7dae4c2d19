using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// A last panel of keys that is at most half full, computed with vectors half as wide. 226 tokens are seven panels of 32 and two keys:
/// a whole panel for the two would cost 6% of attention's products.
/// </summary>
internal static unsafe class NarrowPanel<O>
    where O : struct
{
    /// <summary>Whether there is a narrower width than O's.</summary>
    public static bool Exists => typeof(O) == typeof(Simd512) || typeof(O) == typeof(Simd256);

    /// <summary>As <see cref="AttentionPanels{V, O}.PackTransposed"/>.</summary>
    public static void Pack(float* x, nint ld, int rows, int columns, float* packed)
    {
        if (typeof(O) == typeof(Simd512))
            AttentionPanels<Vector256<float>, Simd256>.PackTransposed(x, ld, rows, columns, packed);
        else
            AttentionPanels<Vector128<float>, Simd128>.PackTransposed(x, ld, rows, columns, packed);
    }

    /// <summary>As <see cref="AttentionPanels{V, O}.Multiply"/>, C = A B.</summary>
    public static void Multiply(int rows, int depth, float* a, nint lda, float* panel, float* c, nint ldc)
    {
        if (typeof(O) == typeof(Simd512))
            AttentionPanels<Vector256<float>, Simd256>.Multiply(rows, depth, a, lda, panel, c, ldc, add: false);
        else
            AttentionPanels<Vector128<float>, Simd128>.Multiply(rows, depth, a, lda, panel, c, ldc, add: false);
    }
}
