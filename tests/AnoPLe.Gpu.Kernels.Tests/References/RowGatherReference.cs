namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Plain gather of rows.</summary>
internal static class RowGatherReference
{
    public static float[] Forward(float[] x, int[] rows, int C) => [.. rows.SelectMany(row => x.AsSpan(row * C, C).ToArray())];
}
