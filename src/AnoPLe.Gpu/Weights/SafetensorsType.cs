namespace AnoPLe.Gpu.Weights;

/// <summary>Element types of the safetensors format, under the names that its header uses.</summary>
public enum SafetensorsType
{
    /// <summary>Boolean, one byte.</summary>
    BOOL,

    /// <summary>4-bit float.</summary>
    F4,

    /// <summary>6-bit float, 2 exponent bits.</summary>
    F6_E2M3,

    /// <summary>6-bit float, 3 exponent bits.</summary>
    F6_E3M2,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 5 exponent bits.</summary>
    F8_E5M2,

    /// <summary>8-bit float, 4 exponent bits.</summary>
    F8_E4M3,

    /// <summary>8-bit power of two (scales of block formats).</summary>
    F8_E8M0,

    /// <summary>8-bit float, 4 exponent bits, no infinity, one zero.</summary>
    F8_E4M3FNUZ,

    /// <summary>8-bit float, 5 exponent bits, no infinity, one zero.</summary>
    F8_E5M2FNUZ,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>The upper half of an F32.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>Complex number of two F32.</summary>
    C64,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Facts about element types.</summary>
internal static class SafetensorsTypes
{
    /// <summary>Bits of one element; some types fill no whole byte.</summary>
    public static int Bits(this SafetensorsType type) => type switch
    {
        SafetensorsType.F4 => 4,
        SafetensorsType.F6_E2M3 or SafetensorsType.F6_E3M2 => 6,
        <= SafetensorsType.F8_E5M2FNUZ => 8,
        <= SafetensorsType.BF16 => 16,
        <= SafetensorsType.F32 => 32,
        _ => 64,
    };

    /// <summary>Whether the elements can be read as floats without loss, or at most the rounding of F64.</summary>
    public static bool IsFloat(this SafetensorsType type) =>
        type is SafetensorsType.F16 or SafetensorsType.BF16 or SafetensorsType.F32 or SafetensorsType.F64;

    /// <summary>Exact match with a name of the header; unlike Enum.Parse no numbers, lists or other case.</summary>
    public static bool TryParse(string name, out SafetensorsType type) =>
        Enum.TryParse(name, ignoreCase: false, out type) && Enum.GetName(type) == name;
}
