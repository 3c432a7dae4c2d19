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

    /// <summary>dx, to be added.</summary>
    public static T[] BackwardInput<T>(T[] dy, T[] x, T[] weight, T[] mean, T[] rstd)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int C = weight.Length;
        var dx = new T[x.Length];
        for (int r = 0; r < mean.Length; r++)
        {
            T sum = T.Zero, product = T.Zero;
            for (int c = 0; c < C; c++)
            {
                sum += E(r, c);
                product += E(r, c) * Xh(r, c);
            }
            for (int c = 0; c < C; c++)
                dx[r * C + c] = rstd[r] * (E(r, c) - sum / T.CreateChecked(C) - Xh(r, c) * (product / T.CreateChecked(C)));
        }
        return dx;

        T E(int r, int c) => dy[r * C + c] * weight[c];
        T Xh(int r, int c) => (x[r * C + c] - mean[r]) * rstd[r];
    }

    /// <summary>dweight and dbias, to be added.</summary>
    public static (T[] Dweight, T[] Dbias) BackwardParameters<T>(T[] dy, T[] x, T[] mean, T[] rstd)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int C = x.Length / mean.Length;
        T[] dweight = new T[C], dbias = new T[C];
        for (int i = 0; i < x.Length; i++)
        {
            dweight[i % C] += dy[i] * ((x[i] - mean[i / C]) * rstd[i / C]);
            dbias[i % C] += dy[i];
        }
        return (dweight, dbias);
    }
}
