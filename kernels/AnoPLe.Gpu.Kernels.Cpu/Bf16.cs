using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>The upper half of a float: 8 bits of exponent, 7 of mantissa.</summary>
internal static class Bf16
{
    /// <summary>Two floats, rounded to nearest, ties to even, as one word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pair(float lower, float upper) => (Round(lower) >> 16) | (Round(upper) & 0xFFFF0000u);

    // The lower half is what is left of the sum; callers drop it. A NaN stays one: its quiet bit is set instead.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? bits | 0x400000u : bits + 0x7FFFu + ((bits >> 16) & 1);
    }
}
