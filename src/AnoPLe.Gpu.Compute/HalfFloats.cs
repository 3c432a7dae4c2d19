namespace AnoPLe.Gpu.Compute;

/// <summary>16-bit floats on the host: <see cref="ElementType.Half"/> in either of its precisions.</summary>
public static class HalfFloats
{
    /// <summary>Rounds to nearest, ties to even; NaN stays NaN.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The precision has no 16-bit floats.</exception>
    public static ushort Round(float value, MatrixPrecision precision)
    {
        if (precision == MatrixPrecision.Fp16)
            return BitConverter.HalfToUInt16Bits((Half)value);
        RequireHalf(precision);
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(float.IsNaN(value) ? 0x7fff : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>The same value as a float.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The precision has no 16-bit floats.</exception>
    public static float Widen(ushort bits, MatrixPrecision precision)
    {
        if (precision == MatrixPrecision.Fp16)
            return (float)BitConverter.UInt16BitsToHalf(bits);
        RequireHalf(precision);
        return BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    private static void RequireHalf(MatrixPrecision precision)
    {
        if (precision != MatrixPrecision.Bf16)
            throw new ArgumentOutOfRangeException(nameof(precision), precision, "Only bf16 and fp16 have 16 bits.");
    }
}
