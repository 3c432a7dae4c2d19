using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AnoPLe.Gpu.Compute.Resampling;

/// <summary>What both passes share.</summary>
internal static class Bytes
{
    /// <summary>Eight bytes as eight integers; the eight behind them are loaded, too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Widen(ref byte pixels, nuint offset)
    {
        Vector128<ushort> words = Vector128.WidenLower(Vector128.LoadUnsafe(ref pixels, offset));
        return Vector256.Create(Vector128.WidenLower(words), Vector128.WidenUpper(words)).AsInt32();
    }
}
