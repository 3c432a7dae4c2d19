using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain harmonic mean of probability and distance in the arithmetic of T.</summary>
internal static class FusedScoreReference
{
    /// <param name="logits">Any number of pixels.</param>
    /// <param name="memory">As many; or null, then the result is the probability.</param>
    /// <param name="epsilon">Added below.</param>
    public static T[] Forward<T>(T[] logits, T[]? memory, T epsilon)
        where T : IBinaryFloatingPointIeee754<T>
    {
        return [.. logits.Select((x, i) => Fuse(LogisticReference.Sigmoid(x), i))];

        T Fuse(T p, int i) => memory is null ? p : T.CreateChecked(2) * p * memory[i] / (p + memory[i] + epsilon);
    }
}
