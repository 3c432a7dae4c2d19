using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// sigmoid, softplus and what the losses need of them, from one exponential: with the odds e = e^x, sigmoid(x) = e / (1 + e) and
/// sigmoid(-x) = 1 / (1 + e) keep their relative accuracy on both sides. NaN stays NaN.
/// </summary>
internal static class Logistic<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>e^x, kept in [1.2e-38, 6e37]: small enough for a multiple of it to be finite, and never a slow denormal.</summary>
    [MethodImpl(Inline)]
    public static V Odds(V x) => Elementwise<V, O>.ExpBelow88(O.Min(O.Broadcast(87f), x));

    /// <summary>1 / (1 + exp(-x)). Relative error in float at most 3e-7 for x in [-87, 87]; beyond, it stays.</summary>
    [MethodImpl(Inline)]
    public static V Sigmoid(V x) => Complement(Odds(O.Subtract(default, x)));

    /// <summary>1 / (1 + e) for odds e.</summary>
    [MethodImpl(Inline)]
    public static V Complement(V e) => O.Divide(O.Broadcast(1f), O.Add(O.Broadcast(1f), e));

    /// <summary>log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)). Relative error in float at most 3e-7 for x above -87; below, it stays at 1.2e-38.</summary>
    [MethodImpl(Inline)]
    public static V Softplus(V x) => Softplus(x, Odds(x));

    /// <summary>log(1 + exp(x)) when the odds of x, or those of -x, are known.</summary>
    [MethodImpl(Inline)]
    public static V Softplus(V x, V e) => O.Add(O.Max(default, x), Tail(e));

    /// <summary>log(1 + u) for the smaller u of e and 1 / e.</summary>
    /// <remarks>
    /// log(1 + u) = 2 artanh(s), s = u / (2 + u) in [0, 1/3]: no logarithm, and small u keep their digits. artanh(s) = s + s^3 q(s^2); q is the
    /// Chebyshev interpolant of degree 3 on [0, 1/9], whose relative error in the logarithm is 1.7e-8 with coefficients in float.
    /// </remarks>
    [MethodImpl(Inline)]
    private static V Tail(V e)
    {
        V smaller = O.Min(O.Broadcast(1f), e), larger = O.Max(O.Broadcast(1f), e);
        V s = O.Divide(smaller, O.MultiplyAdd(larger, O.Broadcast(2f), smaller)), t = O.Multiply(s, s);
        V q = O.Broadcast(0.134257495f);
        q = O.MultiplyAdd(q, t, O.Broadcast(0.141183093f));
        q = O.MultiplyAdd(q, t, O.Broadcast(0.200037807f));
        q = O.MultiplyAdd(q, t, O.Broadcast(0.333333194f));
        V twice = O.Add(s, s);
        return O.MultiplyAdd(O.Multiply(twice, t), q, twice);
    }
}
