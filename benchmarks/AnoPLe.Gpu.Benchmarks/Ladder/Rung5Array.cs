using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Rung 5's tile as one would like to write it, with its sums in a small array: the JIT neither unrolls the loop over rows nor keeps an array
/// in registers, so every multiply-add loads and stores its sum.
/// </summary>
internal sealed unsafe class Rung5Array<V, O>(LadderProblem p) : PanelRung<V, O>(p)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    protected override void Rows(in PanelWork work)
    {
        int tallest = O.ManyRegisters ? 12 : 6;
        for (int row = 0; row < work.Rows; row += tallest)
            Tile(Math.Min(tallest, work.Rows - row), work.Depth, work.A + row * work.Lda, work.Lda, work.B, work.C + row * work.Ldc, work.Ldc, !work.IsFirst);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(int rows, int depth, float* a, nint lda, float* b, float* c, nint ldc, bool add)
    {
        V* sums = stackalloc V[24];
        new Span<V>(sums, 24).Clear();
        for (nint k = 0; k < depth; k++, b += 2 * O.N)
        {
            V x = O.Load(b), y = O.Load(b + O.N);
            for (nint r = 0; r < rows; r++)
            {
                V v = O.Broadcast(a[r * lda + k]);
                sums[2 * r] = O.MultiplyAdd(v, x, sums[2 * r]);
                sums[2 * r + 1] = O.MultiplyAdd(v, y, sums[2 * r + 1]);
            }
        }
        for (nint r = 0; r < rows; r++)
            RegisterTile<V, O>.Put(sums[2 * r], sums[2 * r + 1], c + r * ldc, add);
    }
}
