using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain alignment loss in the arithmetic of T, G cells of width d to a sample.</summary>
internal static class AlignmentReference
{
    /// <param name="z0">[N, d].</param>
    /// <param name="features">[N, G, d].</param>
    /// <param name="logits">[N, G].</param>
    /// <param name="weights">[N].</param>
    /// <param name="epsilon">Added to the mass.</param>
    public static (T[] Loss, T[] Pooled, T[] Mass) Forward<T>(T[] z0, T[] features, T[] logits, T[] weights, T epsilon)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int N = weights.Length, d = z0.Length / N, G = logits.Length / N;
        T[] loss = new T[N], pooled = new T[N * d], mass = new T[N];
        for (int n = 0; n < N; n++)
        {
            mass[n] = epsilon;
            for (int i = n * G; i < (n + 1) * G; i++)
            {
                T m = Sigmoid(logits[i]);
                mass[n] += m;
                for (int c = 0; c < d; c++)
                    pooled[n * d + c] += m * features[i * d + c];
            }
            for (int c = 0; c < d; c++)
                pooled[n * d + c] /= mass[n];
        }
        T[] unitZ = L2NormalizeReference.Forward(z0, d), unitP = L2NormalizeReference.Forward(pooled, d);
        for (int n = 0; n < N; n++)
            loss[n] = weights[n] * (T.One - Dot(unitZ, n * d, unitP, n * d, d));
        return (loss, pooled, mass);
    }

    /// <summary>The gradients of scale times the sum of the losses.</summary>
    public static (T[] DZ0, T[] DFeatures, T[] DLogits) BackwardInput<T>(T[] z0, T[] features, T[] logits, T[] weights, T[] pooled, T[] mass, T scale, bool detach)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int N = weights.Length, d = z0.Length / N, G = logits.Length / N;
        T[] minusZ = Scaled(L2NormalizeReference.Forward(z0, d)), minusP = Scaled(L2NormalizeReference.Forward(pooled, d));
        T[] dz0 = L2NormalizeReference.BackwardInput(minusP, z0, d), dp = L2NormalizeReference.BackwardInput(minusZ, pooled, d);
        T[] dfeatures = new T[features.Length], dlogits = new T[logits.Length];
        for (int i = 0; i < logits.Length && !detach; i++)
        {
            int n = i / G;
            T m = Sigmoid(logits[i]);
            dlogits[i] = (Dot(features, i * d, dp, n * d, d) - Dot(pooled, n * d, dp, n * d, d)) / mass[n] * m * (T.One - m);
            for (int c = 0; c < d; c++)
                dfeatures[i * d + c] = m * dp[n * d + c] / mass[n];
        }
        return (dz0, dfeatures, dlogits);

        T[] Scaled(T[] unit) => [.. unit.Select((u, i) => -scale * weights[i / d] * u)];
    }

    private static T Sigmoid<T>(T r)
        where T : IBinaryFloatingPointIeee754<T> => T.One / (T.One + T.Exp(-r));

    private static T Dot<T>(T[] a, int aStart, T[] b, int bStart, int count)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int c = 0; c < count; c++)
            sum += a[aStart + c] * b[bStart + c];
        return sum;
    }
}
