using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Cpu.Simd;

/// <summary>One float at a time, for machines without vector hardware: there Vector128 would be emulated by slow calls.</summary>
internal readonly unsafe struct SimdScalar : ISimd<float>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int N => 1;

    public static bool ManyRegisters => false;

    [MethodImpl(Inline)]
    public static float Load(float* p) => *p;

    [MethodImpl(Inline)]
    public static float LowerHalves(float pairs) => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(pairs) << 16);

    [MethodImpl(Inline)]
    public static float UpperHalves(float pairs) => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(pairs) & 0xFFFF0000u);

    [MethodImpl(Inline)]
    public static void Store(float v, float* p) => *p = v;

    [MethodImpl(Inline)]
    public static float Broadcast(float x) => x;

    [MethodImpl(Inline)]
    public static float MultiplyAdd(float a, float b, float c) => a * b + c;

    [MethodImpl(Inline)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(Inline)]
    public static float Subtract(float a, float b) => a - b;

    [MethodImpl(Inline)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(Inline)]
    public static float Divide(float a, float b) => a / b;

    [MethodImpl(Inline)]
    public static float Max(float a, float b) => a > b ? a : b;

    [MethodImpl(Inline)]
    public static float Min(float a, float b) => a < b ? a : b;

    [MethodImpl(Inline)]
    public static float Abs(float a) => MathF.Abs(a);

    [MethodImpl(Inline)]
    public static float Sqrt(float a) => MathF.Sqrt(a);

    [MethodImpl(Inline)]
    public static float ScaleByPowerOfTwo(float p, float n, float magic) =>
        p * BitConverter.Int32BitsToSingle((BitConverter.SingleToInt32Bits(magic) + 127) << 23);

    [MethodImpl(Inline)]
    public static float Sum(float a) => a;

    [MethodImpl(Inline)]
    public static float MaxAcross(float a) => a;
}
