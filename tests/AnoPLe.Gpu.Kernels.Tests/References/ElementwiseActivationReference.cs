using System.Numerics;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>The activations and their derivatives, element by element, in the arithmetic of T.</summary>
internal static class ElementwiseActivationReference
{
    public static T[] Forward<T>(T[] x, Activation activation)
        where T : IBinaryFloatingPointIeee754<T> => Array.ConvertAll(x, v => SpecialFunctions.Activate(activation, v));

    /// <summary>dx, to be stored.</summary>
    public static T[] BackwardInput<T>(T[] dy, T[] x, Activation activation)
        where T : IBinaryFloatingPointIeee754<T> => [.. dy.Zip(x, (d, v) => d * Slope(activation, v))];

    /// <summary>The derivative; only erf itself is always taken in double and rounded.</summary>
    public static T Slope<T>(Activation activation, T x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T half = T.CreateChecked(0.5), k = T.CreateChecked(1.702);
        if (activation == Activation.Gelu)
            return half * (T.One + T.CreateChecked(SpecialFunctions.Erf(double.CreateChecked(x) / Math.Sqrt(2))))
                + x * T.Exp(-half * x * x) / T.Sqrt(T.CreateChecked(2 * Math.PI));
        T s = T.One / (T.One + T.Exp(-k * x));
        return s + k * x * s * (T.One - s);
    }
}
