using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>The 16-bit floats that factors are rounded to, a constant to the kernel compiler.</summary>
internal interface IHalf
{
    /// <summary>Two floats, rounded to nearest, ties to even: low in the low half.</summary>
    static abstract uint Pack(float low, float high);

    /// <summary>See <see cref="TensorCores.MultiplyAdd"/>.</summary>
    static abstract F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1);
}

/// <summary>8 bits of exponent: whatever a float reaches.</summary>
internal struct Bf16 : IHalf
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pack(float low, float high) => TensorCores.Pack(low, high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => TensorCores.MultiplyAdd(c, a0, a1, a2, a3, b0, b1);
}

/// <summary>5 bits of exponent and 3 more of mantissa.</summary>
internal struct Fp16 : IHalf
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pack(float low, float high) => TensorCores.PackFp16(low, high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => TensorCores.MultiplyAddFp16(c, a0, a1, a2, a3, b0, b1);
}
