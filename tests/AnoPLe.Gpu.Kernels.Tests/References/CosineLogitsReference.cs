using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain log-odds of abnormal against normal in the arithmetic of T; the text rows are subtracted first.</summary>
internal static class CosineLogitsReference
{
    /// <param name="x">[N, R, C].</param>
    /// <param name="text">[2K, C], row 2k normal, row 2k + 1 abnormal.</param>
    /// <param name="classes">[N].</param>
    /// <param name="C">Width.</param>
    /// <param name="tau">Temperature.</param>
    public static T[] Forward<T>(T[] x, T[] text, int[] classes, int C, T tau)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int rows = x.Length / C, rowsPerSample = rows / classes.Length;
        T[] unit = L2NormalizeReference.Forward(x, C), logits = new T[rows];
        for (int r = 0; r < rows; r++)
        {
            int normal = 2 * classes[r / rowsPerSample] * C, abnormal = normal + C;
            T sum = T.Zero;
            for (int c = 0; c < C; c++)
                sum += unit[r * C + c] * (text[abnormal + c] - text[normal + c]);
            logits[r] = tau * sum;
        }
        return logits;
    }

    /// <summary>dx = unit'(tau dlogit (w_abnormal - w_normal)).</summary>
    public static T[] BackwardInput<T>(T[] dlogits, T[] x, T[] text, int[] classes, int C, T tau)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int rows = x.Length / C, rowsPerSample = rows / classes.Length;
        var dunit = new T[x.Length];
        for (int r = 0; r < rows; r++)
        {
            int normal = 2 * classes[r / rowsPerSample] * C, abnormal = normal + C;
            for (int c = 0; c < C; c++)
                dunit[r * C + c] = tau * dlogits[r] * (text[abnormal + c] - text[normal + c]);
        }
        return L2NormalizeReference.BackwardInput(dunit, x, C);
    }

    /// <summary>dtext of <paramref name="classCount"/> classes: plus and minus tau times the sum of dlogit unit(x).</summary>
    public static T[] BackwardText<T>(T[] dlogits, T[] x, int[] classes, int classCount, int C, T tau)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int rows = x.Length / C, rowsPerSample = rows / classes.Length;
        T[] unit = L2NormalizeReference.Forward(x, C), dtext = new T[2 * classCount * C];
        for (int r = 0; r < rows; r++)
        {
            int normal = 2 * classes[r / rowsPerSample] * C, abnormal = normal + C;
            for (int c = 0; c < C; c++)
            {
                T d = tau * dlogits[r] * unit[r * C + c];
                dtext[abnormal + c] += d;
                dtext[normal + c] -= d;
            }
        }
        return dtext;
    }
}
