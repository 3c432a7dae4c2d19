using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain multi-head self-attention in the arithmetic of T: one row of scores at a time, softmax after subtracting the maximum.</summary>
internal static class AttentionReference
{
    /// <param name="qkv">[B, L, 3C], rows q | k | v.</param>
    /// <param name="L">Tokens of a sequence.</param>
    /// <param name="C">Width of q, k and v.</param>
    /// <param name="heads">Heads, a divisor of C.</param>
    /// <param name="causal">Whether keys after the query are forbidden.</param>
    public static (T[] Y, T[] LogSumExp) Forward<T>(T[] qkv, int L, int C, int heads, bool causal)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int B = qkv.Length / (L * 3 * C), D = C / heads;
        T scale = T.One / T.Sqrt(T.CreateChecked(D));
        T[] y = new T[B * L * C], logSumExp = new T[B * heads * L], p = new T[L];
        for (int b = 0; b < B; b++)
            for (int h = 0; h < heads; h++)
                for (int i = 0; i < L; i++)
                {
                    int keys = causal ? i + 1 : L;
                    T max = T.NegativeInfinity, sum = T.Zero;
                    for (int j = 0; j < keys; j++)
                    {
                        p[j] = scale * Dot(qkv, Row(b, i) + h * D, qkv, Row(b, j) + C + h * D, D);
                        max = T.Max(max, p[j]);
                    }
                    for (int j = 0; j < keys; j++)
                        sum += p[j] = T.Exp(p[j] - max);
                    logSumExp[(b * heads + h) * L + i] = max + T.Log(sum);
                    for (int j = 0; j < keys; j++)
                        for (int d = 0; d < D; d++)
                            y[(b * L + i) * C + h * D + d] += p[j] / sum * qkv[Row(b, j) + 2 * C + h * D + d];
                }
        return (y, logSumExp);

        int Row(int b, int t) => (b * L + t) * 3 * C;
    }

    /// <summary>Gradient of qkv: the weights from logSumExp, and rowsum(dA * A) as dy . y, as the contract says.</summary>
    public static T[] BackwardInput<T>(T[] dy, T[] qkv, T[] y, T[] logSumExp, int L, int C, int heads, bool causal)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int B = qkv.Length / (L * 3 * C), D = C / heads;
        T scale = T.One / T.Sqrt(T.CreateChecked(D));
        T[] dqkv = new T[qkv.Length];
        for (int b = 0; b < B; b++)
            for (int h = 0; h < heads; h++)
                for (int i = 0; i < L; i++)
                {
                    int q = Row(b, i) + h * D, o = (b * L + i) * C + h * D;
                    T delta = Dot(dy, o, y, o, D);
                    for (int j = 0; j < (causal ? i + 1 : L); j++)
                    {
                        int k = Row(b, j) + C + h * D, v = k + C;
                        T p = T.Exp(scale * Dot(qkv, q, qkv, k, D) - logSumExp[(b * heads + h) * L + i]);
                        T ds = p * (Dot(dy, o, qkv, v, D) - delta) * scale;
                        for (int d = 0; d < D; d++)
                        {
                            dqkv[q + d] += ds * qkv[k + d];
                            dqkv[k + d] += ds * qkv[q + d];
                            dqkv[v + d] += p * dy[o + d];
                        }
                    }
                }
        return dqkv;

        int Row(int b, int t) => (b * L + t) * 3 * C;
    }

    private static T Dot<T>(T[] x, int a, T[] y, int b, int count)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int i = 0; i < count; i++)
            sum += x[a + i] * y[b + i];
        return sum;
    }
}
