using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain patch embedding in the arithmetic of T: a convolution whose stride is its kernel, the class token before it, positions.</summary>
internal static class PatchEmbeddingReference
{
    /// <summary>Rows 0 .. g^2 of every sequence; [B, g^2 + 1, C].</summary>
    public static T[] Forward<T>(T[] images, T[] weight, T[] classEmbedding, T[] positions, int S, int patch)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int B = images.Length / (3 * S * S), C = classEmbedding.Length, g = S / patch, tokens = g * g + 1;
        var x = new T[B * tokens * C];
        for (int b = 0; b < B; b++)
            for (int t = 0; t < tokens; t++)
                for (int o = 0; o < C; o++)
                    x[(b * tokens + t) * C + o] = positions[t * C + o]
                        + (t == 0 ? classEmbedding[o] : Patch(images, weight, b, (t - 1) / g * patch, (t - 1) % g * patch, o, S, patch));
        return x;
    }

    private static T Patch<T>(T[] images, T[] weight, int b, int top, int left, int o, int S, int patch)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int channel = 0; channel < 3; channel++)
            for (int dy = 0; dy < patch; dy++)
                for (int dx = 0; dx < patch; dx++)
                    sum += images[((b * 3 + channel) * S + top + dy) * S + left + dx] * weight[((o * 3 + channel) * patch + dy) * patch + dx];
        return sum;
    }
}
