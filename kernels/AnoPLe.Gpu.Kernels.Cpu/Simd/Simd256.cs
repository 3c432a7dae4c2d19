using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AnoPLe.Gpu.Kernels.Cpu.Simd;

/// <summary>AVX2: 8 floats; 16 registers, or 32 on a processor with AVX-512 that runs better on 256 bits.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int N => 8;

    public static bool ManyRegisters => Avx512F.VL.IsSupported;

    [MethodImpl(Inline)]
    public static Vector256<float> Load(float* p) => Vector256.Load(p);

    [MethodImpl(Inline)]
    public static Vector256<float> LowerHalves(Vector256<float> pairs) => Vector256.ShiftLeft(pairs.AsUInt32(), 16).AsSingle();

    [MethodImpl(Inline)]
    public static Vector256<float> UpperHalves(Vector256<float> pairs) => (pairs.AsUInt32() & Vector256.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(Inline)]
    public static void Store(Vector256<float> v, float* p) => v.Store(p);

    [MethodImpl(Inline)]
    public static Vector256<float> Broadcast(float x) => Vector256.Create(x);

    [MethodImpl(Inline)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(Inline)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(Inline)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(Inline)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(Inline)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(Inline)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    [MethodImpl(Inline)]
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    [MethodImpl(Inline)]
    public static Vector256<float> Abs(Vector256<float> a) => Vector256.Abs(a);

    [MethodImpl(Inline)]
    public static Vector256<float> Sqrt(Vector256<float> a) => Vector256.Sqrt(a);

    [MethodImpl(Inline)]
    public static Vector256<float> ScaleByPowerOfTwo(Vector256<float> p, Vector256<float> n, Vector256<float> magic) =>
        p * Vector256.ShiftLeft(magic.AsInt32() + Vector256.Create(127), 23).AsSingle();

    [MethodImpl(Inline)]
    public static float Sum(Vector256<float> a) => Vector256.Sum(a);

    [MethodImpl(Inline)]
    public static float MaxAcross(Vector256<float> a) => Simd128.MaxAcross(Vector128.MaxNative(a.GetLower(), a.GetUpper()));
}
