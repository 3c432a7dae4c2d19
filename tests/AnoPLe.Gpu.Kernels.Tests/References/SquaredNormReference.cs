using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain sum of squares in the arithmetic of T.</summary>
internal static class SquaredNormReference
{
    public static T Forward<T>(T[] x)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        foreach (T v in x)
            sum += v * v;
        return sum;
    }
}
