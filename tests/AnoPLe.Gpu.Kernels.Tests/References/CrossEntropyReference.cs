using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain weighted cross entropy of log-odds, sample by sample, in the arithmetic of T.</summary>
internal static class CrossEntropyReference
{
    public static T[] Forward<T>(T[] logits, T[] labels, T[] weights)
        where T : IBinaryFloatingPointIeee754<T>
        => [.. logits.Select((b, n) => weights[n] * LogisticReference.Softplus(labels[n] == T.One ? -b : b))];

    /// <summary>The gradient of scale times the sum of the losses.</summary>
    public static T[] BackwardInput<T>(T[] logits, T[] labels, T[] weights, T scale)
        where T : IBinaryFloatingPointIeee754<T>
        => [.. logits.Select((b, n) => scale * weights[n] * (LogisticReference.Sigmoid(b) - labels[n]))];
}
