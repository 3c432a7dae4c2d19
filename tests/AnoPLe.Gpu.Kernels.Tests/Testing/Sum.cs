using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>What an operation that adds leaves behind.</summary>
internal static class Sum
{
    /// <summary>before + added, element by element.</summary>
    public static T[] Of<T>(T[] before, T[] added)
        where T : IBinaryFloatingPointIeee754<T> => [.. before.Zip(added, (a, b) => a + b)];
}
