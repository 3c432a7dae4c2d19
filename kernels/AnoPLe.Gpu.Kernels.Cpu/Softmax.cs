using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>The exponentials of attention's rows of scores.</summary>
internal static unsafe class Softmax<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const float Log2E = 1.44269504f;

    /// <summary>s = exp(scale (s - max s)) over n scores of each row; their sums and maxima. Lanes up to a whole vector are overwritten.</summary>
    /// <remarks>Four rows at a time, so that one row's sums across lanes hide behind the others': a fifth of the time. A row's result does not depend on its neighbours.</remarks>
    [SkipLocalsInit]
    public static void Exponentiate(float* s, nint ld, int rows, int n, float scale, float* sums, float* maxima)
    {
        // The lanes that fill up the last vector become 2^-126: nothing, next to a sum of at least 1.
        for (int r = 0; r < rows; r++)
            for (int i = n; i % O.N != 0; i++)
                s[r * ld + i] = float.NegativeInfinity;
        int row = 0;
        for (; row <= rows - 4; row += 4)
            FourRows(s + row * ld, ld, n, scale, sums + row, maxima + row);
        for (; row < rows; row++)
            sums[row] = OneRow(s + row * ld, n, scale, out maxima[row]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float OneRow(float* s, int n, float scale, out float max)
    {
        V largest = O.Load(s);
        for (int i = O.N; i < n; i += O.N)
            largest = O.Max(largest, O.Load(s + i));
        max = O.MaxAcross(largest);
        scale *= Log2E;
        V factor = O.Broadcast(scale), shift = O.Broadcast(-max * scale), sum = default;
        for (int i = 0; i < n; i += O.N)
            sum = O.Add(sum, Exponential(s + i, factor, shift));
        return O.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourRows(float* s0, nint ld, int n, float scale, float* sums, float* maxima)
    {
        float* s1 = s0 + ld, s2 = s1 + ld, s3 = s2 + ld;
        V m0 = O.Load(s0), m1 = O.Load(s1), m2 = O.Load(s2), m3 = O.Load(s3);
        for (int i = O.N; i < n; i += O.N)
        {
            m0 = O.Max(m0, O.Load(s0 + i));
            m1 = O.Max(m1, O.Load(s1 + i));
            m2 = O.Max(m2, O.Load(s2 + i));
            m3 = O.Max(m3, O.Load(s3 + i));
        }
        (maxima[0], maxima[1], maxima[2], maxima[3]) = (O.MaxAcross(m0), O.MaxAcross(m1), O.MaxAcross(m2), O.MaxAcross(m3));
        scale *= Log2E;
        V factor = O.Broadcast(scale), sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        V shift0 = O.Broadcast(-maxima[0] * scale), shift1 = O.Broadcast(-maxima[1] * scale);
        V shift2 = O.Broadcast(-maxima[2] * scale), shift3 = O.Broadcast(-maxima[3] * scale);
        for (int i = 0; i < n; i += O.N)
        {
            sum0 = O.Add(sum0, Exponential(s0 + i, factor, shift0));
            sum1 = O.Add(sum1, Exponential(s1 + i, factor, shift1));
            sum2 = O.Add(sum2, Exponential(s2 + i, factor, shift2));
            sum3 = O.Add(sum3, Exponential(s3 + i, factor, shift3));
        }
        (sums[0], sums[1], sums[2], sums[3]) = (O.Sum(sum0), O.Sum(sum1), O.Sum(sum2), O.Sum(sum3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Exponential(float* s, V factor, V shift)
    {
        V e = Elementwise<V, O>.Exp2(O.MultiplyAdd(O.Load(s), factor, shift));
        O.Store(e, s);
        return e;
    }
}
