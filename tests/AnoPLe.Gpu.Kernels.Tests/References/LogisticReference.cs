using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>sigmoid and softplus in the arithmetic of T, in the forms that neither overflow nor cancel.</summary>
internal static class LogisticReference
{
    public static T Sigmoid<T>(T x)
        where T : IBinaryFloatingPointIeee754<T> => x < T.Zero ? T.Exp(x) / (T.One + T.Exp(x)) : T.One / (T.One + T.Exp(-x));

    /// <summary>The logarithm alone is always taken in double, because float has none of 1 + u.</summary>
    public static T Softplus<T>(T x)
        where T : IBinaryFloatingPointIeee754<T> => T.Max(x, T.Zero) + LogOnePlus(T.Exp(-T.Abs(x)));

    // log(1 + u) = 2 artanh(u / (2 + u)): Math has no log1p. The series is summed to the precision of double.
    private static T LogOnePlus<T>(T u)
        where T : IBinaryFloatingPointIeee754<T>
    {
        double s = double.CreateChecked(u) / (2 + double.CreateChecked(u)), power = s, sum = s;
        for (int n = 3; n < 40; n += 2)
            sum += (power *= s * s) / n;
        return T.CreateChecked(2 * sum);
    }
}
