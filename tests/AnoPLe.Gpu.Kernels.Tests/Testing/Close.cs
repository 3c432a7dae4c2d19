using System.Globalization;
using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>
/// Comparison with an honest baseline: a kernel may err twice as much as the plain float loop does against double, plus a few units in
/// the last place of the largest value (plain loops over few elements are often exact).
/// </summary>
internal static class Close
{
    private const double Floor = 5e-7;

    /// <param name="label">The case, for the message.</param>
    /// <param name="actual">What the backend computed.</param>
    /// <param name="exact">The reference in double.</param>
    /// <param name="naive">The reference in float.</param>
    /// <param name="scale">What the floor is relative to; the largest exact value when not given.</param>
    public static void Verify(string label, float[] actual, double[] exact, float[] naive, double scale = 0)
    {
        Assert.Equal(exact.Length, actual.Length);
        if (scale == 0)
            scale = exact.Max(Math.Abs);
        double allowed = 2 * MaxError(naive, exact, out _) + Floor * scale;
        double error = MaxError(actual, exact, out int worst);
        if (!(error <= allowed))
            Assert.Fail(string.Create(CultureInfo.InvariantCulture,
                $"{label}: error {error:g3} at {worst} (got {actual[worst]}, expected {exact[worst]}), allowed {allowed:g3}."));
    }

    /// <summary>Bit for bit, for operations that only move values.</summary>
    public static void VerifySame(string label, float[] actual, float[] expected)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(BitConverter.SingleToInt32Bits(actual[i]) == BitConverter.SingleToInt32Bits(expected[i]),
                $"{label}: element {i} is {actual[i]}, expected {expected[i]} exactly.");
    }

    /// <summary>Index of the first element whose bits differ, or -1.</summary>
    public static int FirstDifference(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        int same = MemoryMarshal.AsBytes(actual).CommonPrefixLength(MemoryMarshal.AsBytes(expected)) / sizeof(float);
        return same == actual.Length ? -1 : same;
    }

    /// <summary>Every value is a number: nothing was left unwritten.</summary>
    public static void VerifyFinite(string label, params float[][] outputs)
    {
        foreach (float[] values in outputs)
            Assert.True(Array.TrueForAll(values, float.IsFinite), $"{label}: element {Array.FindIndex(values, v => !float.IsFinite(v))} is no number.");
    }

    private static double MaxError(float[] values, double[] exact, out int worst)
    {
        double max = 0;
        worst = 0;
        for (int i = 0; i < values.Length; i++)
        {
            double error = Math.Abs(values[i] - exact[i]);
            if (double.IsNaN(error))
                error = double.PositiveInfinity;
            if (error > max)
                (max, worst) = (error, i);
        }
        return max;
    }
}
