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
}
