using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Tiles of C whose sums live in registers: h rows x 2 vectors. Every sum is a named local, because the JIT keeps those in registers and
/// arrays not. A is read in place, h rows lda apart: one pointer for three rows (p, p + lda, p + 2 lda), or the twelve of them would not fit
/// the 16 integer registers. The shipped kernel has the same tiles in more heights, generated.
/// </summary>
internal static unsafe class RegisterTile<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>Computes as many of the remaining rows as one tile holds, and returns how many.</summary>
    public static int Compute(int rowsLeft, int depth, float* a, nint lda, float* b, float* c, nint ldc, bool add)
    {
        if (O.ManyRegisters && rowsLeft >= 12)
        {
            Tile12(depth, a, lda, b, c, ldc, add);
            return 12;
        }
        if (rowsLeft >= 6)
        {
            Tile6(depth, a, lda, b, c, ldc, add);
            return 6;
        }
        Tile1(depth, a, b, c, add);
        return 1;
    }

    /// <summary>1 x 2 vectors: two sums, three loads for two multiply-adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile1(int depth, float* a, float* b, float* c, bool add)
    {
        V cx = default, cy = default;
        for (; depth > 0; depth--)
        {
            V v = O.Broadcast(*a++);
            cx = O.MultiplyAdd(v, O.Load(b), cx);
            cy = O.MultiplyAdd(v, O.Load(b + O.N), cy);
            b += 2 * O.N;
        }
        Put(cx, cy, c, add);
    }

    /// <summary>6 x 2 vectors: 12 sums, two vectors of B and one of A take 15 of 16 registers; 8 loads for 12 multiply-adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6(int depth, float* a, nint lda, float* b, float* c, nint ldc, bool add)
    {
        V c0x = default, c0y = default;
        V c1x = default, c1y = default;
        V c2x = default, c2y = default;
        V c3x = default, c3y = default;
        V c4x = default, c4y = default;
        V c5x = default, c5y = default;
        nint lda2 = 2 * lda;
        float* p0 = a;
        float* p1 = a + 3 * lda;
        for (; depth > 0; depth--)
        {
            V x = O.Load(b), y = O.Load(b + O.N), v;
            b += 2 * O.N;
            v = O.Broadcast(*p0); c0x = O.MultiplyAdd(v, x, c0x); c0y = O.MultiplyAdd(v, y, c0y);
            v = O.Broadcast(p0[lda]); c1x = O.MultiplyAdd(v, x, c1x); c1y = O.MultiplyAdd(v, y, c1y);
            v = O.Broadcast(p0[lda2]); c2x = O.MultiplyAdd(v, x, c2x); c2y = O.MultiplyAdd(v, y, c2y);
            v = O.Broadcast(*p1); c3x = O.MultiplyAdd(v, x, c3x); c3y = O.MultiplyAdd(v, y, c3y);
            v = O.Broadcast(p1[lda]); c4x = O.MultiplyAdd(v, x, c4x); c4y = O.MultiplyAdd(v, y, c4y);
            v = O.Broadcast(p1[lda2]); c5x = O.MultiplyAdd(v, x, c5x); c5y = O.MultiplyAdd(v, y, c5y);
            p0++; p1++;
        }
        Put(c0x, c0y, c, add);
        Put(c1x, c1y, c + ldc, add);
        Put(c2x, c2y, c + 2 * ldc, add);
        Put(c3x, c3y, c + 3 * ldc, add);
        Put(c4x, c4y, c + 4 * ldc, add);
        Put(c5x, c5y, c + 5 * ldc, add);
    }

    /// <summary>12 x 2 vectors: 24 sums, two vectors of B and one of A take 27 of 32 registers; 14 loads for 24 multiply-adds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile12(int depth, float* a, nint lda, float* b, float* c, nint ldc, bool add)
    {
        V c0x = default, c0y = default;
        V c1x = default, c1y = default;
        V c2x = default, c2y = default;
        V c3x = default, c3y = default;
        V c4x = default, c4y = default;
        V c5x = default, c5y = default;
        V c6x = default, c6y = default;
        V c7x = default, c7y = default;
        V c8x = default, c8y = default;
        V c9x = default, c9y = default;
        V c10x = default, c10y = default;
        V c11x = default, c11y = default;
        nint lda2 = 2 * lda;
        float* p0 = a;
        float* p1 = a + 3 * lda;
        float* p2 = a + 6 * lda;
        float* p3 = a + 9 * lda;
        for (; depth > 0; depth--)
        {
            V x = O.Load(b), y = O.Load(b + O.N), v;
            b += 2 * O.N;
            v = O.Broadcast(*p0); c0x = O.MultiplyAdd(v, x, c0x); c0y = O.MultiplyAdd(v, y, c0y);
            v = O.Broadcast(p0[lda]); c1x = O.MultiplyAdd(v, x, c1x); c1y = O.MultiplyAdd(v, y, c1y);
            v = O.Broadcast(p0[lda2]); c2x = O.MultiplyAdd(v, x, c2x); c2y = O.MultiplyAdd(v, y, c2y);
            v = O.Broadcast(*p1); c3x = O.MultiplyAdd(v, x, c3x); c3y = O.MultiplyAdd(v, y, c3y);
            v = O.Broadcast(p1[lda]); c4x = O.MultiplyAdd(v, x, c4x); c4y = O.MultiplyAdd(v, y, c4y);
            v = O.Broadcast(p1[lda2]); c5x = O.MultiplyAdd(v, x, c5x); c5y = O.MultiplyAdd(v, y, c5y);
            v = O.Broadcast(*p2); c6x = O.MultiplyAdd(v, x, c6x); c6y = O.MultiplyAdd(v, y, c6y);
            v = O.Broadcast(p2[lda]); c7x = O.MultiplyAdd(v, x, c7x); c7y = O.MultiplyAdd(v, y, c7y);
            v = O.Broadcast(p2[lda2]); c8x = O.MultiplyAdd(v, x, c8x); c8y = O.MultiplyAdd(v, y, c8y);
            v = O.Broadcast(*p3); c9x = O.MultiplyAdd(v, x, c9x); c9y = O.MultiplyAdd(v, y, c9y);
            v = O.Broadcast(p3[lda]); c10x = O.MultiplyAdd(v, x, c10x); c10y = O.MultiplyAdd(v, y, c10y);
            v = O.Broadcast(p3[lda2]); c11x = O.MultiplyAdd(v, x, c11x); c11y = O.MultiplyAdd(v, y, c11y);
            p0++; p1++; p2++; p3++;
        }
        Put(c0x, c0y, c, add);
        Put(c1x, c1y, c + ldc, add);
        Put(c2x, c2y, c + 2 * ldc, add);
        Put(c3x, c3y, c + 3 * ldc, add);
        Put(c4x, c4y, c + 4 * ldc, add);
        Put(c5x, c5y, c + 5 * ldc, add);
        Put(c6x, c6y, c + 6 * ldc, add);
        Put(c7x, c7y, c + 7 * ldc, add);
        Put(c8x, c8y, c + 8 * ldc, add);
        Put(c9x, c9y, c + 9 * ldc, add);
        Put(c10x, c10y, c + 10 * ldc, add);
        Put(c11x, c11y, c + 11 * ldc, add);
    }

    /// <summary>C = or += two vectors of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(V x, V y, float* c, bool add)
    {
        O.Store(add ? O.Add(x, O.Load(c)) : x, c);
        O.Store(add ? O.Add(y, O.Load(c + O.N)) : y, c + O.N);
    }
}
