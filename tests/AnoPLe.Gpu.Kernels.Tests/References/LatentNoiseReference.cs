using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Masked and scaled noise, in the arithmetic of T.</summary>
internal static class LatentNoiseReference
{
    /// <param name="x">[..., C].</param>
    /// <param name="noise">As x.</param>
    /// <param name="mask">One value per row, or none for 1.</param>
    /// <param name="scale">Of all the noise.</param>
    public static T[] Forward<T>(T[] x, T[] noise, T[]? mask, T scale)
        where T : IBinaryFloatingPointIeee754<T>
        => [.. x.Select((v, i) => v + scale * (mask is null ? T.One : mask[i / (x.Length / mask.Length)]) * noise[i])];

    /// <summary>dx, to be added.</summary>
    public static T[] BackwardInput<T>(T[] dy)
        where T : IBinaryFloatingPointIeee754<T> => dy;
}
