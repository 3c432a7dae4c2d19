using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain dice loss in the arithmetic of T, R pixels to a sample.</summary>
internal static class DiceReference
{
    /// <param name="logits">[N, R].</param>
    /// <param name="masks">[N, R].</param>
    /// <param name="R">Pixels of a sample.</param>
    /// <param name="epsilon">Added above and below.</param>
    public static (T[] Loss, T[] Sums) Forward<T>(T[] logits, T[] masks, int R, T epsilon)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T two = T.CreateChecked(2);
        int N = logits.Length / R;
        T[] loss = new T[N], sums = new T[2 * N];
        for (int n = 0; n < N; n++)
        {
            T intersection = T.Zero, total = T.Zero;
            for (int i = n * R; i < (n + 1) * R; i++)
            {
                T p = LogisticReference.Sigmoid(logits[i]);
                intersection += p * masks[i];
                total += p + masks[i];
            }
            (sums[2 * n], sums[2 * n + 1]) = (intersection, total + epsilon);
            loss[n] = T.One - (two * intersection + epsilon) / (total + epsilon);
        }
        return (loss, sums);
    }

    /// <summary>The gradient of scale times the sum of the losses.</summary>
    public static T[] BackwardInput<T>(T[] logits, T[] masks, T[] sums, int R, T epsilon, T scale)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T two = T.CreateChecked(2);
        var dlogits = new T[logits.Length];
        for (int i = 0; i < logits.Length; i++)
        {
            T intersection = sums[i / R * 2], total = sums[i / R * 2 + 1];
            T dp = -scale * (two * masks[i] * total - (two * intersection + epsilon)) / (total * total);
            dlogits[i] = dp * LogisticReference.Sigmoid(logits[i]) * LogisticReference.Sigmoid(-logits[i]);
        }
        return dlogits;
    }
}
