using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AnoPLe.Gpu.Weights;

/// <summary>Between the bytes of a tensor and numbers.</summary>
internal static class ElementConversion
{
    /// <summary>F32 as is, F16 and BF16 exactly, F64 to nearest.</summary>
    public static void ToFloats(SafetensorsType type, ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        switch (type)
        {
            case SafetensorsType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(floats));
                break;
            case SafetensorsType.F16:
                HalvesToFloats(bytes, floats);
                break;
            case SafetensorsType.BF16:
                for (int i = 0; i < floats.Length; i++)
                    floats[i] = BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Read<ushort>(bytes[(2 * i)..]) << 16);
                break;
            case SafetensorsType.F64:
                for (int i = 0; i < floats.Length; i++)
                    floats[i] = (float)MemoryMarshal.Read<double>(bytes[(8 * i)..]);
                break;
            default:
                throw new UnreachableException($"{type} is no float type.");
        }
    }

    /// <summary>
    /// F64 to the neighbouring F32 whose last bit is odd, unless it is exact. Rounding that to F16 or BF16 gives what rounding the F64 itself
    /// gives, because F32 has at least two bits more than they do (S. Boldo and G. Melquiond, "Emulation of a FMA and Correctly
    /// Rounded Sums", 2008); rounding to nearest twice does not.
    /// </summary>
    public static void DoublesToOdd(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        for (int i = 0; i < floats.Length; i++)
        {
            double value = MemoryMarshal.Read<double>(bytes[(8 * i)..]);
            float nearest = (float)value;
            if (nearest != value && double.IsFinite(value) && (BitConverter.SingleToInt32Bits(nearest) & 1) == 0)
                nearest = nearest > value ? MathF.BitDecrement(nearest) : MathF.BitIncrement(nearest);
            floats[i] = nearest;
        }
    }

    /// <summary>The smallest magnitude that rounds to infinity in a type: half a unit in the last place above its largest number.</summary>
    public static float Overflow(SafetensorsType type) => type switch
    {
        SafetensorsType.F16 => 65520f,
        SafetensorsType.BF16 => BitConverter.UInt32BitsToSingle(0x7F7F8000),
        _ => float.PositiveInfinity,
    };

    /// <summary>F32 as is, F16 and BF16 to nearest even.</summary>
    public static void FromFloats(SafetensorsType type, ReadOnlySpan<float> floats, Span<byte> bytes)
    {
        switch (type)
        {
            case SafetensorsType.F32:
                MemoryMarshal.AsBytes(floats).CopyTo(bytes);
                break;
            case SafetensorsType.F16:
                Span<Half> halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < floats.Length; i++)
                    halves[i] = (Half)floats[i];
                break;
            case SafetensorsType.BF16:
                Span<ushort> uppers = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < floats.Length; i++)
                    uppers[i] = ToBFloat16(floats[i]);
                break;
            default:
                throw new UnreachableException($"{type} is not written from floats.");
        }
    }

    /// <summary>A value as F16 or BF16 holds it, to nearest even; as it is for the other types.</summary>
    public static float Rounded(SafetensorsType type, float value) => type switch
    {
        SafetensorsType.F16 => (float)(Half)value,
        SafetensorsType.BF16 => BitConverter.UInt32BitsToSingle((uint)ToBFloat16(value) << 16),
        _ => value,
    };

    /// <summary>Whether every value fits a signed 64-bit integer.</summary>
    public static bool IsInteger(SafetensorsType type) => type is SafetensorsType.I64 or SafetensorsType.I32 or SafetensorsType.I16
        or SafetensorsType.I8 or SafetensorsType.U32 or SafetensorsType.U16 or SafetensorsType.U8 or SafetensorsType.BOOL;

    /// <summary>Integers and booleans.</summary>
    public static void ToInt64s(SafetensorsType type, ReadOnlySpan<byte> bytes, Span<long> values)
    {
        int size = type.Bits() / 8;
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> element = bytes.Slice(size * i, size);
            values[i] = type switch
            {
                SafetensorsType.I64 => MemoryMarshal.Read<long>(element),
                SafetensorsType.I32 => MemoryMarshal.Read<int>(element),
                SafetensorsType.I16 => MemoryMarshal.Read<short>(element),
                SafetensorsType.I8 => (sbyte)element[0],
                SafetensorsType.U32 => MemoryMarshal.Read<uint>(element),
                SafetensorsType.U16 => MemoryMarshal.Read<ushort>(element),
                _ => element[0],
            };
        }
    }

    // A half is a float whose exponent is 112 less: shift the bits into place and multiply by 2^112, which also makes subnormals right.
    // Infinity and NaN end up with an exponent of 143 after the product, 112 short of 255.
    private static void HalvesToFloats(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        const float Two112 = 5.192296858534828e33f;
        int i = 0;
        for (; i <= floats.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            Vector256<uint> bits = Vector256.WidenLower(Vector128.Create<byte>(bytes.Slice(2 * i, 16)).AsUInt16().ToVector256Unsafe());
            Vector256<uint> magnitude = (bits & Vector256.Create(0x7FFFu)) << 13;
            Vector256<uint> value = (magnitude.AsSingle() * Two112).AsUInt32();
            Vector256<uint> special = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x7C00u << 13)) & Vector256.Create(0x7F800000u);
            (value | special | ((bits & Vector256.Create(0x8000u)) << 16)).AsSingle().CopyTo(floats[i..]);
        }
        for (; i < floats.Length; i++)
            floats[i] = (float)MemoryMarshal.Read<Half>(bytes[(2 * i)..]);
    }

    private static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        // Rounding could carry a NaN's mantissa into infinity: keep it a quiet NaN.
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
