using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain token injection: copies, and one addition where there are positions. Backward: sums over sequences.</summary>
internal static class TokenInjectionReference
{
    /// <summary>x after the injection; the argument stays as it is. tokens: [V, m, C].</summary>
    public static T[] Forward<T>(T[] x, T[] tokens, T[]? positions, int N, int length, int C, int V, int start)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int m = tokens.Length / (V * C);
        T[] y = [.. x];
        for (int n = 0; n < N; n++)
            for (int i = 0; i < m; i++)
                for (int c = 0; c < C; c++)
                    y[(n * length + start + i) * C + c] = tokens[(n % V * m + i) * C + c] + (positions is null ? T.Zero : positions[(start + i) * C + c]);
        return y;
    }

    /// <summary>dtokens [V, m, C] and dx after the call; the arguments stay as they are.</summary>
    public static (T[] DTokens, T[] DX) BackwardTokens<T>(T[] dtokens, T[] dx, int N, int length, int C, int V, int start)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int m = dtokens.Length / (V * C);
        T[] sums = [.. dtokens], rest = [.. dx];
        for (int n = 0; n < N; n++)
            for (int i = 0; i < m; i++)
                for (int c = 0; c < C; c++)
                {
                    int at = (n * length + start + i) * C + c;
                    sums[(n % V * m + i) * C + c] += rest[at];
                    rest[at] = T.Zero;
                }
        return (sums, rest);
    }
}
