using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain gather of rows, and its transpose.</summary>
internal static class RowGatherReference
{
    public static T[] Forward<T>(T[] x, int[] rows, int C) => [.. rows.SelectMany(row => x.AsSpan(row * C, C).ToArray())];

    /// <summary>dx after the rows' gradients were added; the argument stays as it is. rows are distinct.</summary>
    public static T[] BackwardInput<T>(T[] dx, T[] dy, int[] rows, int C)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T[] sum = [.. dx];
        for (int i = 0; i < dy.Length; i++)
            sum[rows[i / C] * C + i % C] += dy[i];
        return sum;
    }
}
