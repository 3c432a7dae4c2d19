using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>exp and the activations on vectors. Coefficients: minimax fits (Lawson's iteration) computed for this project.</summary>
internal static unsafe class Elementwise<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    private const float RoundToWhole = 12582912f; // 1.5·2^23: adding it leaves a whole number in the low bits

    /// <summary>e^x for x at most 88 (those of a softmax never exceed 0); below -87.33 it stays at e^-87.33 = 1.2e-38.</summary>
    /// <remarks>
    /// x = n ln 2 + r, |r| at most ln 2 / 2; e^r = 1 + r + r^2 q(r), q of degree 4 with relative error 3.1e-9; times 2^n.
    /// Relative error in float at most 1e-7 (below 1 ulp), with or without fused multiply-add.
    /// </remarks>
    [MethodImpl(Inline)]
    public static V ExpBelow88(V x) => ExpInRange(O.Max(O.Broadcast(-87.33f), x));

    /// <summary>e^x for x in [-87.33, 88].</summary>
    [MethodImpl(Inline)]
    private static V ExpInRange(V x)
    {
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

    /// <summary>2^x for x at most 127; below -126 it stays at 2^-126 = 1.2e-38.</summary>
    /// <remarks>
    /// The same series as e^x with powers of ln 2 in its coefficients. n is split off without rounding, so it takes one step less than e^x:
    /// whoever multiplies x by something anyway multiplies by log2 e, too. Relative error in float at most 1e-7.
    /// </remarks>
    [MethodImpl(Inline)]
    public static V Exp2(V x) => Exp2InRange(O.Max(O.Broadcast(-126f), x));

    /// <summary>2^x for x in [-126, 127].</summary>
    [MethodImpl(Inline)]
    private static V Exp2InRange(V x)
    {
        V magic = O.Add(x, O.Broadcast(RoundToWhole));
        V n = O.Subtract(magic, O.Broadcast(RoundToWhole));
        V r = O.Subtract(x, n);
        V q = O.Broadcast(1.53209785e-04f);
        q = O.MultiplyAdd(q, r, O.Broadcast(1.33902763e-03f));
        q = O.MultiplyAdd(q, r, O.Broadcast(9.61852795e-03f));
        q = O.MultiplyAdd(q, r, O.Broadcast(5.55036206e-02f));
        q = O.MultiplyAdd(q, r, O.Broadcast(2.40226475e-01f));
        q = O.MultiplyAdd(q, r, O.Broadcast(6.93147181e-01f));
        return O.ScaleByPowerOfTwo(O.MultiplyAdd(q, r, O.Broadcast(1f)), n, magic);
    }

    /// <summary>e^x for any x; above 88 it stays at e^88 = 1.7e38.</summary>
    [MethodImpl(Inline)]
    public static V Exp(V x) => ExpBelow88(O.Min(O.Broadcast(88f), x));

    /// <summary>x Phi(x) = 0.5 x (1 + erf(x / sqrt 2)).</summary>
    /// <remarks>
    /// max(x, 0) - t Phi(-t) with t = |x|: the subtracted tail is small, so nothing cancels. Phi(-t) = 0.5 * 2^(t p(t)), p of degree 7
    /// fitted so that the tail's absolute error is at most 1.5e-8 on [0, 6] with coefficients in float; beyond, the tail stays at 6e-9.
    /// Error in float at most 1e-7, relative to the larger of 1 and |result|.
    /// </remarks>
    [MethodImpl(Inline)]
    public static V Gelu(V x)
    {
        V t = O.Min(O.Broadcast(6f), O.Abs(x));
        V p = O.Broadcast(-1.90250262e-06f);
        p = O.MultiplyAdd(p, t, O.Broadcast(2.80632648e-05f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-1.31510591e-04f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-2.71961326e-04f));
        p = O.MultiplyAdd(p, t, O.Broadcast(7.24523002e-03f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-5.26274368e-02f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-4.59162205e-01f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-1.15111101e+00f));
        V tail = O.Multiply(O.Multiply(t, O.Broadcast(0.5f)), Exp2InRange(O.Multiply(t, p)));
        return O.Subtract(O.Max(O.Broadcast(0f), x), tail);
    }

    /// <summary>x / (1 + exp(-1.702 x)). Error in float at most 1.3e-7, relative to the larger of 1 and |result|.</summary>
    [MethodImpl(Inline)]
    public static V QuickGelu(V x) => O.Divide(x, O.Add(O.Broadcast(1f), Exp2(O.Min(O.Broadcast(127f), O.Multiply(x, O.Broadcast(-2.45546696f))))));

    /// <summary>The derivative of <see cref="Gelu"/>, Phi(x) + x phi(x).</summary>
    /// <remarks>
    /// Below 0 it is h(t) = Phi(-t) - t phi(t) with t = |x|, above 0 it is 1 - h(t), and at 0 both are 0.5. h(t) = exp(-t^2 / 2) p(t), because
    /// Phi(-t) is that exponential times a smooth ratio (Mills'); p of degree 12 is fitted so that the absolute error of h is at most 2.3e-8 on
    /// [0, 6] with coefficients in float; beyond, h stays at -3e-8. Absolute error in float at most 1.2e-7.
    /// </remarks>
    [MethodImpl(Inline)]
    public static V GeluSlope(V x)
    {
        V t = O.Min(O.Broadcast(6f), O.Abs(x));
        V p = O.Broadcast(5.85324216e-8f);
        p = O.MultiplyAdd(p, t, O.Broadcast(-1.60364618e-6f));
        p = O.MultiplyAdd(p, t, O.Broadcast(1.98928683e-5f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-1.49790329e-4f));
        p = O.MultiplyAdd(p, t, O.Broadcast(7.79671303e-4f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-3.05534340e-3f));
        p = O.MultiplyAdd(p, t, O.Broadcast(9.65978764e-3f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-2.60691624e-2f));
        p = O.MultiplyAdd(p, t, O.Broadcast(6.22623786e-2f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-1.32916898e-1f));
        p = O.MultiplyAdd(p, t, O.Broadcast(2.49991104e-1f));
        p = O.MultiplyAdd(p, t, O.Broadcast(-7.97884047e-1f));
        p = O.MultiplyAdd(p, t, O.Broadcast(0.5f));
        V h = O.Multiply(p, ExpInRange(O.Multiply(O.Multiply(t, O.Broadcast(-0.5f)), t)));
        // 0 left of 0, 1 right of it; where it is in between, h is 0.5 and it does not matter.
        V isPositive = O.Max(O.Broadcast(0f), O.Min(O.Broadcast(1f), O.Multiply(x, O.Broadcast(1e30f))));
        return O.MultiplyAdd(O.MultiplyAdd(isPositive, O.Broadcast(-2f), O.Broadcast(1f)), h, isPositive);
    }

    /// <summary>The derivative of <see cref="QuickGelu"/>, s + 1.702 x s (1 - s) with s = sigmoid(1.702 x).</summary>
    /// <remarks>1 - s is taken as exp(-1.702 x) s, which does not cancel. Absolute error in float at most 2e-7.</remarks>
    [MethodImpl(Inline)]
    public static V QuickGeluSlope(V x)
    {
        // Beyond 30 the derivative is 0 or 1 to 3e-12; there an infinite x times a vanishing 1 - s would be no number.
        V z = O.Max(O.Broadcast(-30f), O.Min(O.Broadcast(30f), O.Multiply(x, O.Broadcast(1.702f))));
        V e = ExpInRange(O.Subtract(O.Broadcast(0f), z));
        V s = O.Divide(O.Broadcast(1f), O.Add(O.Broadcast(1f), e));
        return O.MultiplyAdd(O.Multiply(z, s), O.Multiply(e, s), s);
    }

    /// <summary>Stores the first count lanes of a vector, for the end of what may be written.</summary>
    [SkipLocalsInit]
    public static void StoreFirst(V v, float* p, int count)
    {
        float* lanes = stackalloc float[O.N];
        O.Store(v, lanes);
        for (int i = 0; i < count; i++)
            p[i] = lanes[i];
    }

    /// <summary>Stores a vector whole where it fits, else its first lanes.</summary>
    [MethodImpl(Inline)]
    public static void StoreAtMost(V v, float* p, nint count)
    {
        if (count >= O.N)
            O.Store(v, p);
        else
            StoreFirst(v, p, (int)count);
    }

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
