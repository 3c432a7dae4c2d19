using System.Numerics;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain unit rows in the arithmetic of T.</summary>
internal static class L2NormalizeReference
{
    public static T[] Forward<T>(T[] x, int C)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var y = new T[x.Length];
        for (int row = 0; row < x.Length; row += C)
        {
            T squares = T.CreateChecked(L2Normalize.Epsilon);
            for (int c = 0; c < C; c++)
                squares += x[row + c] * x[row + c];
            for (int c = 0; c < C; c++)
                y[row + c] = x[row + c] / T.Sqrt(squares);
        }
        return y;
    }

    /// <summary>dx of y = x r: r (dy - y (y . dy)).</summary>
    public static T[] BackwardInput<T>(T[] dy, T[] x, int C)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T[] y = Forward(x, C), dx = new T[x.Length];
        for (int row = 0; row < x.Length; row += C)
        {
            T squares = T.CreateChecked(L2Normalize.Epsilon), dot = T.Zero;
            for (int c = 0; c < C; c++)
            {
                squares += x[row + c] * x[row + c];
                dot += y[row + c] * dy[row + c];
            }
            for (int c = 0; c < C; c++)
                dx[row + c] = (dy[row + c] - y[row + c] * dot) / T.Sqrt(squares);
        }
        return dx;
    }
}
