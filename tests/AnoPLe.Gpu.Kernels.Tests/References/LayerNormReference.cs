using System.Numerics;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain layer normalisation in the arithmetic of T.</summary>
internal static class LayerNormReference
{
    public static (T[] Y, T[] Mean, T[] Rstd) Forward<T>(T[] x, T[] weight, T[] bias)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int C = weight.Length, rows = x.Length / C;
        T[] y = new T[x.Length], mean = new T[rows], rstd = new T[rows];
        for (int r = 0; r < rows; r++)
        {
            T sum = T.Zero, squares = T.Zero;
            for (int c = 0; c < C; c++)
                sum += x[r * C + c];
            mean[r] = sum / T.CreateChecked(C);
            for (int c = 0; c < C; c++)
                squares += (x[r * C + c] - mean[r]) * (x[r * C + c] - mean[r]);
            rstd[r] = T.One / T.Sqrt(squares / T.CreateChecked(C) + T.CreateChecked(LayerNorm.Epsilon));
            for (int c = 0; c < C; c++)
                y[r * C + c] = (x[r * C + c] - mean[r]) * rstd[r] * weight[c] + bias[c];
        }
        return (y, mean, rstd);
    }
}
