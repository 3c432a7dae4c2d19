using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>What tensor cores multiply: the floats that factors are rounded to, a constant to the kernel compiler.</summary>
internal interface IFactor
{
    /// <summary>Values in a word of 32 bits.</summary>
    static abstract int PerWord { get; }

    /// <summary>Two floats, rounded to nearest: low in the low half. Where a word has one value, low alone.</summary>
    static abstract uint Pack(float low, float high);

    /// <summary>See <see cref="TensorCores.MultiplyAdd"/>; as many of the inner dimension as eight words hold.</summary>
    static abstract F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1);
}

/// <summary>The factors of 16 bits: ldmatrix can transpose them, and sums of one product are a left factor of the next without a shuffle.</summary>
internal interface IHalf : IFactor;

/// <summary>8 bits of exponent: whatever a float reaches.</summary>
internal struct Bf16 : IHalf
{
    public static int PerWord => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pack(float low, float high) => TensorCores.Pack(low, high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => TensorCores.MultiplyAdd(c, a0, a1, a2, a3, b0, b1);
}

/// <summary>5 bits of exponent and 3 more of mantissa.</summary>
internal struct Fp16 : IHalf
{
    public static int PerWord => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pack(float low, float high) => TensorCores.PackFp16(low, high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => TensorCores.MultiplyAddFp16(c, a0, a1, a2, a3, b0, b1);
}

/// <summary>A float with fp16's 10 bits of mantissa and all of its exponent, in a word of its own.</summary>
internal struct Tf32 : IFactor
{
    public static int PerWord => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pack(float low, float high) => TensorCores.PackTf32(low);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 MultiplyAdd(F4 c, uint a0, uint a1, uint a2, uint a3, uint b0, uint b1) => TensorCores.MultiplyAddTf32(c, a0, a1, a2, a3, b0, b1);
}
