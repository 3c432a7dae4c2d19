using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain focal loss in the arithmetic of T, R pixels to a sample.</summary>
internal static class FocalReference
{
    /// <param name="logits">[N, R].</param>
    /// <param name="masks">[N, R], 0 or 1.</param>
    /// <param name="R">Pixels of a sample.</param>
    /// <param name="gamma">How little sure pixels count.</param>
    public static T[] Forward<T>(T[] logits, T[] masks, int R, T gamma)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var loss = new T[logits.Length / R];
        for (int i = 0; i < logits.Length; i++)
        {
            T x = masks[i] == T.One ? logits[i] : -logits[i];
            loss[i / R] += T.Pow(LogisticReference.Sigmoid(-x), gamma) * LogisticReference.Softplus(-x);
        }
        return Array.ConvertAll(loss, sum => sum / T.CreateChecked(R));
    }

    /// <summary>The gradient of scale times the sum of the losses.</summary>
    public static T[] BackwardInput<T>(T[] logits, T[] masks, int R, T gamma, T scale)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var dlogits = new T[logits.Length];
        for (int i = 0; i < logits.Length; i++)
        {
            T sign = masks[i] == T.One ? T.One : -T.One, x = sign * logits[i], q = LogisticReference.Sigmoid(-x);
            T inner = gamma * LogisticReference.Sigmoid(x) * LogisticReference.Softplus(-x) + q;
            dlogits[i] = -scale / T.CreateChecked(R) * sign * T.Pow(q, gamma) * inner;
        }
        return dlogits;
    }
}
