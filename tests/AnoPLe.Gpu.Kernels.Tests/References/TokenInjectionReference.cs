namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain token injection: copies, and one float addition where there are positions. There is nothing to round otherwise.</summary>
internal static class TokenInjectionReference
{
    /// <summary>x after the injection; the argument stays as it is. tokens: [V, m, C].</summary>
    public static float[] Forward(float[] x, float[] tokens, float[]? positions, int N, int T, int C, int V, int start)
    {
        int m = tokens.Length / (V * C);
        float[] y = [.. x];
        for (int n = 0; n < N; n++)
            for (int i = 0; i < m; i++)
                for (int c = 0; c < C; c++)
                    y[(n * T + start + i) * C + c] = tokens[(n % V * m + i) * C + c] + (positions is null ? 0 : positions[(start + i) * C + c]);
        return y;
    }
}
