using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain two-dimensional (not separated) Gaussian smoothing in the arithmetic of T, with the half-sample symmetric border.</summary>
internal static class GaussianBlurReference
{
    /// <param name="x">[N, H, W].</param>
    /// <param name="H">Rows.</param>
    /// <param name="W">Columns.</param>
    /// <param name="sigma">Standard deviation in pixels; cut at 4 sigma.</param>
    public static T[] Forward<T>(T[] x, int H, int W, double sigma)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int N = x.Length / (H * W), r = (int)(4 * sigma + 0.5);
        T[] weight = Weights<T>(r, sigma), y = new T[x.Length];
        for (int n = 0; n < N; n++)
            for (int i = 0; i < H; i++)
                for (int j = 0; j < W; j++)
                {
                    T sum = T.Zero;
                    for (int di = -r; di <= r; di++)
                    {
                        T row = T.Zero;
                        for (int dj = -r; dj <= r; dj++)
                            row += weight[dj + r] * x[(n * H + Reflect(i + di, H)) * W + Reflect(j + dj, W)];
                        sum += weight[di + r] * row;
                    }
                    y[(n * H + i) * W + j] = sum;
                }
        return y;
    }

    /// <summary>… 1 0 | 0 1 2 … n-1 | n-1 n-2 …, repeated.</summary>
    public static int Reflect(int i, int n)
    {
        int period = 2 * n;
        int k = (i % period + period) % period;
        return k < n ? k : period - 1 - k;
    }

    private static T[] Weights<T>(int r, double sigma)
        where T : IBinaryFloatingPointIeee754<T>
    {
        double[] w = [.. Enumerable.Range(-r, 2 * r + 1).Select(i => Math.Exp(-i * i / (2 * sigma * sigma)))];
        double sum = w.Sum();
        return Array.ConvertAll(w, v => T.CreateChecked(v / sum));
    }
}
