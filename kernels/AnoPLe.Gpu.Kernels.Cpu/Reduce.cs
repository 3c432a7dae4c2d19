using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sums over a row of any length: four vectors of partial sums, then single vectors, then the tail one by one. The order is fixed.</summary>
internal static unsafe class Reduce<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>Sum of x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(float* x, int n)
    {
        V s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i <= n - 4 * O.N; i += 4 * O.N)
        {
            s0 = O.Add(s0, O.Load(x + i));
            s1 = O.Add(s1, O.Load(x + i + O.N));
            s2 = O.Add(s2, O.Load(x + i + 2 * O.N));
            s3 = O.Add(s3, O.Load(x + i + 3 * O.N));
        }
        for (; i <= n - O.N; i += O.N)
            s0 = O.Add(s0, O.Load(x + i));
        float sum = Total(s0, s1, s2, s3);
        for (; i < n; i++)
            sum += x[i];
        return sum;
    }

    /// <summary>Sum of (x - centre)^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SumOfSquares(float* x, int n, float centre)
    {
        V s0 = default, s1 = default, s2 = default, s3 = default, m = O.Broadcast(centre);
        int i = 0;
        for (; i <= n - 4 * O.N; i += 4 * O.N)
        {
            V d0 = O.Subtract(O.Load(x + i), m), d1 = O.Subtract(O.Load(x + i + O.N), m);
            V d2 = O.Subtract(O.Load(x + i + 2 * O.N), m), d3 = O.Subtract(O.Load(x + i + 3 * O.N), m);
            s0 = O.MultiplyAdd(d0, d0, s0);
            s1 = O.MultiplyAdd(d1, d1, s1);
            s2 = O.MultiplyAdd(d2, d2, s2);
            s3 = O.MultiplyAdd(d3, d3, s3);
        }
        for (; i <= n - O.N; i += O.N)
        {
            V d = O.Subtract(O.Load(x + i), m);
            s0 = O.MultiplyAdd(d, d, s0);
        }
        float sum = Total(s0, s1, s2, s3);
        for (; i < n; i++)
            sum += (x[i] - centre) * (x[i] - centre);
        return sum;
    }

    /// <summary>Sum of x a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(float* x, float* a, int n)
    {
        V s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i <= n - 4 * O.N; i += 4 * O.N)
        {
            s0 = O.MultiplyAdd(O.Load(x + i), O.Load(a + i), s0);
            s1 = O.MultiplyAdd(O.Load(x + i + O.N), O.Load(a + i + O.N), s1);
            s2 = O.MultiplyAdd(O.Load(x + i + 2 * O.N), O.Load(a + i + 2 * O.N), s2);
            s3 = O.MultiplyAdd(O.Load(x + i + 3 * O.N), O.Load(a + i + 3 * O.N), s3);
        }
        for (; i <= n - O.N; i += O.N)
            s0 = O.MultiplyAdd(O.Load(x + i), O.Load(a + i), s0);
        float sum = Total(s0, s1, s2, s3);
        for (; i < n; i++)
            sum += x[i] * a[i];
        return sum;
    }

    /// <summary>Sum of x (a - b): the difference first, because a and b may be nearly equal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float DotDifference(float* x, float* a, float* b, int n)
    {
        V s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i <= n - 4 * O.N; i += 4 * O.N)
        {
            s0 = O.MultiplyAdd(O.Load(x + i), Difference(a, b, i), s0);
            s1 = O.MultiplyAdd(O.Load(x + i + O.N), Difference(a, b, i + O.N), s1);
            s2 = O.MultiplyAdd(O.Load(x + i + 2 * O.N), Difference(a, b, i + 2 * O.N), s2);
            s3 = O.MultiplyAdd(O.Load(x + i + 3 * O.N), Difference(a, b, i + 3 * O.N), s3);
        }
        for (; i <= n - O.N; i += O.N)
            s0 = O.MultiplyAdd(O.Load(x + i), Difference(a, b, i), s0);
        float sum = Total(s0, s1, s2, s3);
        for (; i < n; i++)
            sum += x[i] * (a[i] - b[i]);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Difference(float* a, float* b, int i) => O.Subtract(O.Load(a + i), O.Load(b + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Total(V s0, V s1, V s2, V s3) => O.Sum(O.Add(O.Add(s0, s1), O.Add(s2, s3)));
}
