using System.Numerics;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain y = act(x W^T + b), or start + x W^T + b, in the arithmetic of T.</summary>
internal static class LinearReference
{
    /// <param name="x">[M, K].</param>
    /// <param name="weight">[N, K].</param>
    /// <param name="bias">[N] or empty.</param>
    /// <param name="K">Width of x.</param>
    /// <param name="activation">Applied last.</param>
    /// <param name="start">[M, N], what y held before an accumulating call; null for none.</param>
    public static T[] Forward<T>(T[] x, T[] weight, T[] bias, int K, Activation activation = Activation.None, T[]? start = null)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int M = x.Length / K, N = weight.Length / K;
        var y = new T[M * N];
        for (int m = 0; m < M; m++)
            for (int n = 0; n < N; n++)
            {
                T sum = T.Zero;
                for (int k = 0; k < K; k++)
                    sum += x[m * K + k] * weight[n * K + k];
                if (bias.Length > 0)
                    sum += bias[n];
                y[m * N + n] = SpecialFunctions.Activate(activation, sum) + (start is null ? T.Zero : start[m * N + n]);
            }
        return y;
    }

    /// <summary>[rows, columns] to [columns, rows].</summary>
    public static T[] Transpose<T>(T[] matrix, int columns)
    {
        int rows = matrix.Length / columns;
        var transposed = new T[matrix.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                transposed[c * rows + r] = matrix[r * columns + c];
        return transposed;
    }
}
