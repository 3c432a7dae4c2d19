using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sums over a row of any length: two vectors of partial sums, then the tail one by one. The order is fixed.</summary>
internal static unsafe class Reduce<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>Sum of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(float* x, int n)
    {
        V s0 = default, s1 = default;
        int i = 0;
        for (; i <= n - 2 * O.N; i += 2 * O.N)
        {
            s0 = O.Add(s0, O.Load(x + i));
            s1 = O.Add(s1, O.Load(x + i + O.N));
        }
        float sum = O.Sum(O.Add(s0, s1));
        for (; i < n; i++)
            sum += x[i];
        return sum;
    }

    /// <summary>Sum of (x - centre)^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SumOfSquares(float* x, int n, float centre)
    {
        V s0 = default, s1 = default, m = O.Broadcast(centre);
        int i = 0;
        for (; i <= n - 2 * O.N; i += 2 * O.N)
        {
            V d = O.Subtract(O.Load(x + i), m), e = O.Subtract(O.Load(x + i + O.N), m);
            s0 = O.MultiplyAdd(d, d, s0);
            s1 = O.MultiplyAdd(e, e, s1);
        }
        float sum = O.Sum(O.Add(s0, s1));
        for (; i < n; i++)
            sum += (x[i] - centre) * (x[i] - centre);
        return sum;
    }

    /// <summary>Sum of x (a - b): the difference first, because a and b may be nearly equal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float DotDifference(float* x, float* a, float* b, int n)
    {
        V s0 = default, s1 = default;
        int i = 0;
        for (; i <= n - 2 * O.N; i += 2 * O.N)
        {
            s0 = O.MultiplyAdd(O.Load(x + i), O.Subtract(O.Load(a + i), O.Load(b + i)), s0);
            s1 = O.MultiplyAdd(O.Load(x + i + O.N), O.Subtract(O.Load(a + i + O.N), O.Load(b + i + O.N)), s1);
        }
        float sum = O.Sum(O.Add(s0, s1));
        for (; i < n; i++)
            sum += x[i] * (a[i] - b[i]);
        return sum;
    }
}
