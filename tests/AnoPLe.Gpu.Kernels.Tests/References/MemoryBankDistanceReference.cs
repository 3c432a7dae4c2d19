using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain nearest-neighbour cosine distance in the arithmetic of T.</summary>
internal static class MemoryBankDistanceReference
{
    /// <param name="features">[rows, C], unit rows.</param>
    /// <param name="bank">[M, C], unit rows.</param>
    /// <param name="C">Width.</param>
    /// <param name="scale">Factor of the distance.</param>
    /// <param name="start">What distance held before an accumulating call; null for none.</param>
    public static T[] Forward<T>(T[] features, T[] bank, int C, T scale, T[]? start = null)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var distance = new T[features.Length / C];
        for (int r = 0; r < distance.Length; r++)
        {
            T nearest = T.PositiveInfinity;
            for (int m = 0; m < bank.Length; m += C)
            {
                T dot = T.Zero;
                for (int c = 0; c < C; c++)
                    dot += features[r * C + c] * bank[m + c];
                nearest = T.Min(nearest, (T.One - dot) / T.CreateChecked(2));
            }
            distance[r] = (start is null ? T.Zero : start[r]) + scale * nearest;
        }
        return distance;
    }
}
