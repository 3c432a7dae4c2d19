using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// sigmoid, softplus and what the losses need of them, from one exponential: with the odds e = e^x, sigmoid(x) = e / (1 + e) and
/// sigmoid(-x) = 1 / (1 + e) keep their relative accuracy on both sides. NaN stays NaN: hence comparisons, where a device's minimum would drop it.
/// </summary>
internal static class Logistic
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>e^x, kept in [1.6e-38, 6e37]: small enough for a multiple of it to be finite, and never a denormal, which some devices drop.</summary>
    [MethodImpl(Inline)]
    public static float Odds(float x)
    {
        float below = x > 87f ? 87f : x;
        return XMath.Exp(below < -87f ? -87f : below);
    }

    /// <summary>1 / (1 + exp(-x)).</summary>
    [MethodImpl(Inline)]
    public static float Sigmoid(float x) => 1f / (1f + Odds(-x));

    /// <summary>log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), when the odds of x, or those of -x, are known.</summary>
    [MethodImpl(Inline)]
    public static float Softplus(float x, float e) => (x < 0f ? 0f : x) + Tail(e);

    /// <summary>
    /// log(1 + u) for the smaller u of e and 1 / e: 2 artanh(s), s = u / (2 + u) in [0, 1/3], because a device's fast logarithm loses the digits of small u.
    /// artanh(s) = s + s^3 q(s^2); q is the Chebyshev interpolant of degree 3 on [0, 1/9], whose relative error in the logarithm is 1.7e-8.
    /// </summary>
    [MethodImpl(Inline)]
    private static float Tail(float e)
    {
        float smaller = e > 1f ? 1f : e, larger = e < 1f ? 1f : e;
        float s = smaller / (2f * larger + smaller), t = s * s;
        float q = 0.134257495f;
        q = q * t + 0.141183093f;
        q = q * t + 0.200037807f;
        q = q * t + 0.333333194f;
        return 2f * s * (t * q) + 2f * s;
    }
}
