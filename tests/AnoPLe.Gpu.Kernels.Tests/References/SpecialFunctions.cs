using System.Numerics;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Functions that .NET lacks, and the activations made of them.</summary>
internal static class SpecialFunctions
{
    /// <summary>The error function, to a few units in the last place of double.</summary>
    public static double Erf(double x)
    {
        double a = Math.Abs(x);
        double y = a < 3 ? Series(a) : 1 - ComplementFraction(a);
        return x < 0 ? -y : y;
    }

    /// <summary>The activation of a linear layer in the arithmetic of T; only erf itself is always taken in double and rounded.</summary>
    public static T Activate<T>(Activation activation, T x)
        where T : IBinaryFloatingPointIeee754<T> => activation switch
        {
            Activation.Gelu => T.CreateChecked(0.5) * x * (T.One + T.CreateChecked(Erf(double.CreateChecked(x) / Math.Sqrt(2)))),
            Activation.QuickGelu => x / (T.One + T.Exp(-T.CreateChecked(1.702) * x)),
            _ => x,
        };

    // erf(x) = 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)): all terms positive, so nothing cancels.
    private static double Series(double x)
    {
        double term = x, sum = x;
        for (int n = 1; term > sum * 1e-18; n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    // erfc(x) = exp(-x^2)/sqrt(pi) / (x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))), evaluated from the tail.
    private static double ComplementFraction(double x)
    {
        double tail = x;
        for (int n = 60; n >= 1; n--)
            tail = x + n / 2.0 / tail;
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / tail;
    }
}
