using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain bilinear resampling in the arithmetic of T, align_corners = false.</summary>
internal static class BilinearUpsampleReference
{
    /// <param name="x">[N, h, w].</param>
    /// <param name="h">Rows of x.</param>
    /// <param name="w">Columns of x.</param>
    /// <param name="H">Rows of y.</param>
    /// <param name="W">Columns of y.</param>
    public static T[] Forward<T>(T[] x, int h, int w, int H, int W)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int N = x.Length / (h * w);
        var y = new T[N * H * W];
        for (int n = 0; n < N; n++)
            for (int i = 0; i < H; i++)
                for (int j = 0; j < W; j++)
                {
                    var (i0, i1, fi) = Source<T>(i, h, H);
                    var (j0, j1, fj) = Source<T>(j, w, W);
                    y[(n * H + i) * W + j] = (T.One - fi) * ((T.One - fj) * At(n, i0, j0) + fj * At(n, i0, j1))
                        + fi * ((T.One - fj) * At(n, i1, j0) + fj * At(n, i1, j1));
                }
        return y;

        T At(int n, int i, int j) => x[(n * h + i) * w + j];
    }

    private static (int First, int Second, T Fraction) Source<T>(int i, int from, int to)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T half = T.CreateChecked(0.5);
        T source = T.Max((T.CreateChecked(i) + half) * (T.CreateChecked(from) / T.CreateChecked(to)) - half, T.Zero);
        int first = Math.Min(int.CreateTruncating(source), from - 1);
        return (first, Math.Min(first + 1, from - 1), source - T.CreateChecked(first));
    }

    /// <summary>dx: every output gives its gradient to the four cells it read.</summary>
    public static T[] BackwardInput<T>(T[] dy, int h, int w, int H, int W)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int N = dy.Length / (H * W);
        var dx = new T[N * h * w];
        for (int n = 0; n < N; n++)
            for (int i = 0; i < H; i++)
                for (int j = 0; j < W; j++)
                {
                    var (i0, i1, fi) = Source<T>(i, h, H);
                    var (j0, j1, fj) = Source<T>(j, w, W);
                    T d = dy[(n * H + i) * W + j];
                    dx[(n * h + i0) * w + j0] += d * (T.One - fi) * (T.One - fj);
                    dx[(n * h + i0) * w + j1] += d * (T.One - fi) * fj;
                    dx[(n * h + i1) * w + j0] += d * fi * (T.One - fj);
                    dx[(n * h + i1) * w + j1] += d * fi * fj;
                }
        return dx;
    }
}
