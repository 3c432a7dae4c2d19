using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>What is applied to an element of a product before it is stored.</summary>
internal interface IEpilogue
{
    /// <summary>The activation.</summary>
    static abstract float Apply(float x);
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
internal struct Gelu : IEpilogue
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
}

/// <summary>x sigmoid(1.702 x).</summary>
internal struct QuickGelu : IEpilogue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Apply(float x) => x / (1f + XMath.Exp(-1.702f * x));
}
