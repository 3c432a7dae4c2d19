using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>What is applied to an element of a product before it is stored.</summary>
internal interface IEpilogue
{
    /// <summary>The activation.</summary>
    static abstract float Apply(float x);
}

/// <summary>An epilogue that is also an operation of its own, with a derivative.</summary>
internal interface IActivation : IEpilogue
{
    /// <summary>The derivative.</summary>
    static abstract float Slope(float x);
}

/// <summary>Nothing.</summary>
internal struct Identity : IEpilogue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x;
}

/// <summary>
/// 0.5 x (1 + erf(x / sqrt 2)) = max(x, 0) - 0.5 |x| erfc(|x| / sqrt 2), with erfc(z) = exp(-z P(z)).
/// P is the Chebyshev interpolant of degree 10 of -ln(erfc z) / z on [0, 4]. Evaluated in floats, 1 - exp(-z P(z)) differs from erf(z)
/// by at most 9e-8 with a correctly rounded exp and 1.6e-7 with one of 2 units in the last place (60,000 points). Above 4, P stays
/// at its last value and erfc, below 1.6e-8 there, goes to 0. The form never subtracts nearly equal numbers, so the left tail
/// keeps its relative accuracy.
/// </summary>
internal struct Gelu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x)
    {
        float size = XMath.Abs(x), z = size * 0.70710678f, t = XMath.Min(z, 4f);
        float p = -9.94628054e-08f;
        p = p * t + 2.51873746e-06f;
        p = p * t - 2.83902985e-05f;
        p = p * t + 0.000186357964f;
        p = p * t - 0.000766706935f;
        p = p * t + 0.00181341707f;
        p = p * t - 0.00024718293f;
        p = p * t - 0.0191286479f;
        p = p * t + 0.102775836f;
        p = p * t + 0.636619234f;
        p = p * t + 1.12837918f;
        return XMath.Max(x, 0f) - 0.5f * size * XMath.Exp(-(z * p));
    }

    /// <summary>
    /// Phi(x) + x phi(x): h(|x|) below 0 and 1 - h(|x|) above, h(t) = Phi(-t) - t phi(t) = exp(-t^2 / 2) p(t), where p of degree 12 is a
    /// minimax fit: the absolute error of h is at most 2.3e-8 on [0, 6] with coefficients in float. Beyond, h stays at -3e-8.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float x)
    {
        float t = XMath.Min(XMath.Abs(x), 6f);
        float p = 5.85324216e-8f;
        p = p * t - 1.60364618e-6f;
        p = p * t + 1.98928683e-5f;
        p = p * t - 1.49790329e-4f;
        p = p * t + 7.79671303e-4f;
        p = p * t - 3.05534340e-3f;
        p = p * t + 9.65978764e-3f;
        p = p * t - 2.60691624e-2f;
        p = p * t + 6.22623786e-2f;
        p = p * t - 1.32916898e-1f;
        p = p * t + 2.49991104e-1f;
        p = p * t - 7.97884047e-1f;
        p = p * t + 0.5f;
        float h = p * XMath.Exp(-0.5f * t * t);
        return x < 0f ? h : 1f - h;
    }
}

/// <summary>x sigmoid(1.702 x).</summary>
internal struct QuickGelu : IActivation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x / (1f + XMath.Exp(-1.702f * x));

    /// <summary>s + z (1 - s) s with z = 1.702 x, s = sigmoid(z), and 1 - s as exp(-z) s, which does not cancel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Slope(float x)
    {
        // Beyond 30 the derivative is 0 or 1 to 3e-12; there an infinite x times a vanishing 1 - s would be no number.
        float z = XMath.Max(-30f, XMath.Min(30f, 1.702f * x)), e = XMath.Exp(-z), s = 1f / (1f + e);
        return s + z * s * (e * s);
    }
}
