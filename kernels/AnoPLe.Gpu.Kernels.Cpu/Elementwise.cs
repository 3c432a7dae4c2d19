using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>exp, erf and the activations on vectors. Coefficients: minimax fits (Lawson's iteration) computed for this project.</summary>
internal static unsafe class Elementwise<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>e^x for x at most 88 (softmax and erf never exceed 0); below -87.33 it stays at e^-87.33 = 1.2e-38.</summary>
    /// <remarks>
    /// x = n ln 2 + r, |r| at most ln 2 / 2; e^r = 1 + r + r^2 q(r), q of degree 4 with relative error 3.1e-9; times 2^n.
    /// Relative error in float at most 1e-7 (below 1 ulp), with or without fused multiply-add.
    /// </remarks>
    [MethodImpl(Inline)]
    public static V ExpBelow88(V x)
    {
        const float RoundToWhole = 12582912f; // 1.5·2^23: adding it leaves a whole number in the low bits
        x = O.Max(O.Broadcast(-87.33f), x);
        V magic = O.MultiplyAdd(x, O.Broadcast(1.44269504f), O.Broadcast(RoundToWhole));
        V n = O.Subtract(magic, O.Broadcast(RoundToWhole));
        // ln 2 in two parts; the first has 15 bits, so that n times it is exact.
        V r = O.MultiplyAdd(n, O.Broadcast(-1.42860677e-6f), O.MultiplyAdd(n, O.Broadcast(-0.693145752f), x));
        V q = O.Broadcast(1.38144544e-3f);
        q = O.MultiplyAdd(q, r, O.Broadcast(8.36878160e-3f));
        q = O.MultiplyAdd(q, r, O.Broadcast(4.16683945e-2f));
        q = O.MultiplyAdd(q, r, O.Broadcast(1.66665201e-1f));
        q = O.MultiplyAdd(q, r, O.Broadcast(4.99999934e-1f));
        V e = O.MultiplyAdd(O.MultiplyAdd(q, r, O.Broadcast(1f)), r, O.Broadcast(1f));
        return O.ScaleByPowerOfTwo(e, n, magic);
    }

    /// <summary>e^x for any x; above 88 it stays at e^88 = 1.7e38.</summary>
    [MethodImpl(Inline)]
    public static V Exp(V x) => ExpBelow88(O.Min(O.Broadcast(88f), x));

    /// <summary>The error function.</summary>
    /// <remarks>
    /// |a| at most 0.93: a + a p(a^2), p of degree 5, relative error 1.7e-8. Above: 1 - exp(q(|a|)), q of degree 6 fitted to ln erfc with
    /// absolute error 1.5e-9 in erf; beyond 4 the result is 1 in float. Absolute error in float at most 7e-8 (about 1 ulp near 1).
    /// </remarks>
    [MethodImpl(Inline)]
    public static V Erf(V a)
    {
        V t = O.Min(O.Broadcast(4f), O.Abs(a)), s = O.Multiply(a, a);
        V q = O.Broadcast(1.94782943e-4f);
        q = O.MultiplyAdd(q, t, O.Broadcast(-3.03186786e-3f));
        q = O.MultiplyAdd(q, t, O.Broadcast(2.21815641e-2f));
        q = O.MultiplyAdd(q, t, O.Broadcast(-1.03837251e-1f));
        q = O.MultiplyAdd(q, t, O.Broadcast(-6.37290055e-1f));
        q = O.MultiplyAdd(q, t, O.Broadcast(-1.12761141f));
        q = O.MultiplyAdd(q, t, O.Broadcast(-2.11267083e-4f));
        V large = O.CopySign(O.Subtract(O.Broadcast(1f), ExpBelow88(q)), a);
        V p = O.Broadcast(-5.95409916e-4f);
        p = O.MultiplyAdd(p, s, O.Broadcast(4.98602610e-3f));
        p = O.MultiplyAdd(p, s, O.Broadcast(-2.67617943e-2f));
        p = O.MultiplyAdd(p, s, O.Broadcast(1.12816854e-1f));
        p = O.MultiplyAdd(p, s, O.Broadcast(-3.76124815e-1f));
        p = O.MultiplyAdd(p, s, O.Broadcast(1.28379148e-1f));
        return O.SelectGreater(t, O.Broadcast(0.93f), large, O.MultiplyAdd(p, a, a));
    }

    /// <summary>0.5 x (1 + erf(x / sqrt 2)).</summary>
    [MethodImpl(Inline)]
    private static V Gelu(V x)
    {
        V half = O.Multiply(x, O.Broadcast(0.5f));
        return O.MultiplyAdd(half, Erf(O.Multiply(x, O.Broadcast(0.70710678f))), half);
    }

    /// <summary>x / (1 + exp(-1.702 x)).</summary>
    [MethodImpl(Inline)]
    private static V QuickGelu(V x) => O.Divide(x, O.Add(O.Broadcast(1f), Exp(O.Multiply(x, O.Broadcast(-1.702f)))));

    /// <summary>Applies an activation in place to rows of two vectors: one tile of a matrix product.</summary>
    public static void Activate(Ops.Activation activation, float* tile, int rows, nint ld)
    {
        if (activation == Ops.Activation.Gelu)
            GeluTile(tile, rows, ld);
        else if (activation == Ops.Activation.QuickGelu)
            QuickGeluTile(tile, rows, ld);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GeluTile(float* tile, int rows, nint ld)
    {
        for (; rows > 0; rows--, tile += ld)
        {
            V x = O.Load(tile), y = O.Load(tile + O.N);
            O.Store(Gelu(x), tile);
            O.Store(Gelu(y), tile + O.N);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void QuickGeluTile(float* tile, int rows, nint ld)
    {
        for (; rows > 0; rows--, tile += ld)
        {
            V x = O.Load(tile), y = O.Load(tile + O.N);
            O.Store(QuickGelu(x), tile);
            O.Store(QuickGelu(y), tile + O.N);
        }
    }
}
