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

    /// <summary>dx = dy W.</summary>
    /// <param name="dy">[M, N].</param>
    /// <param name="weight">[N, K].</param>
    /// <param name="K">Width of x.</param>
    public static T[] BackwardInput<T>(T[] dy, T[] weight, int K)
        where T : IBinaryFloatingPointIeee754<T> => Forward(dy, Transpose(weight, K), [], weight.Length / K);

    /// <summary>A^T B over the rows: dW = dy^T x.</summary>
    /// <param name="a">[R, M].</param>
    /// <param name="b">[R, N].</param>
    /// <param name="R">Rows.</param>
    public static T[] TransposedProduct<T>(T[] a, T[] b, int R)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int M = a.Length / R, N = b.Length / R;
        var c = new T[M * N];
        for (int r = 0; r < R; r++)
            for (int m = 0; m < M; m++)
                for (int n = 0; n < N; n++)
                    c[m * N + n] += a[r * M + m] * b[r * N + n];
        return c;
    }

    /// <summary>db = sum of the rows.</summary>
    public static T[] ColumnSums<T>(T[] dy, int N)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var sums = new T[N];
        for (int i = 0; i < dy.Length; i++)
            sums[i % N] += dy[i];
        return sums;
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
