using System.Diagnostics;
using System.Runtime.InteropServices;

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
                for (int i = 0; i < floats.Length; i++)
                    floats[i] = (float)MemoryMarshal.Read<Half>(bytes[(2 * i)..]);
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

    private static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        // Rounding could carry a NaN's mantissa into infinity: keep it a quiet NaN.
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
