using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Column sums of x (R, N), one row of them for each part of the rows; <see cref="PartialSumsJob{V, O}"/> adds those. Parts are cut by R
/// alone, so that the order of a sum does not depend on the number of threads.
/// </summary>
internal sealed unsafe class ColumnSumsJob<V, O> : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int PartRows = 256;

    private float* x;
    private int R, N;

    /// <summary>The sums: one row for each part, <see cref="Stride"/> apart.</summary>
    public float* Sums { get; set; }

    /// <summary>Distance of the rows of sums: whole cache lines, so that threads share none.</summary>
    public nint Stride => ((nint)N + 15) / 16 * 16;

    /// <summary>Takes the arguments of one call.</summary>
    public void Set(float* rows, int count, int width)
    {
        x = rows;
        (R, N) = (count, width);
        Tasks = (R + PartRows - 1) / PartRows;
    }

    /// <summary>Four rows at a time, from left to right, as memory likes to be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int task, int worker)
    {
        int row = task * PartRows, end = Math.Min(R, row + PartRows);
        float* sums = Sums + task * Stride;
        new Span<float>(sums, N).Clear();
        for (; row <= end - 4; row += 4)
        {
            float* p = x + (nint)row * N, q = p + N, r = q + N, s = r + N;
            int i = 0;
            for (; i <= N - O.N; i += O.N)
                O.Store(O.Add(O.Load(sums + i), O.Add(O.Add(O.Load(p + i), O.Load(q + i)), O.Add(O.Load(r + i), O.Load(s + i)))), sums + i);
            for (; i < N; i++)
                sums[i] += (p[i] + q[i]) + (r[i] + s[i]);
        }
        for (; row < end; row++)
        {
            float* p = x + (nint)row * N;
            int i = 0;
            for (; i <= N - O.N; i += O.N)
                O.Store(O.Add(O.Load(sums + i), O.Load(p + i)), sums + i);
            for (; i < N; i++)
                sums[i] += p[i];
        }
    }
}
