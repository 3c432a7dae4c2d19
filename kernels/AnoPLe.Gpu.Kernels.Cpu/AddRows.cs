using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sums of rows of any length, element by element.</summary>
internal static unsafe class AddRows<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>y += x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* y, float* x, int n)
    {
        int i = 0;
        for (; i <= n - O.N; i += O.N)
            O.Store(O.Add(O.Load(y + i), O.Load(x + i)), y + i);
        for (; i < n; i++)
            y[i] += x[i];
    }

    /// <summary>y += factor x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scaled(float* y, float factor, float* x, int n)
    {
        V f = O.Broadcast(factor);
        int i = 0;
        for (; i <= n - O.N; i += O.N)
            O.Store(O.MultiplyAdd(f, O.Load(x + i), O.Load(y + i)), y + i);
        for (; i < n; i++)
            y[i] += factor * x[i];
    }
}
