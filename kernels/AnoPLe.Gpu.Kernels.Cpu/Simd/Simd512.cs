using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AnoPLe.Gpu.Kernels.Cpu.Simd;

/// <summary>AVX-512: 16 floats, 32 registers.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int N => 16;

    public static bool ManyRegisters => true;

    [MethodImpl(Inline)]
    public static Vector512<float> Load(float* p) => Vector512.Load(p);

    [MethodImpl(Inline)]
    public static Vector512<float> LowerHalves(Vector512<float> pairs) => Vector512.ShiftLeft(pairs.AsUInt32(), 16).AsSingle();

    [MethodImpl(Inline)]
    public static Vector512<float> UpperHalves(Vector512<float> pairs) => (pairs.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(Inline)]
    public static void Store(Vector512<float> v, float* p) => v.Store(p);

    [MethodImpl(Inline)]
    public static Vector512<float> Broadcast(float x) => Vector512.Create(x);

    [MethodImpl(Inline)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.FusedMultiplyAdd(a, b, c);

    [MethodImpl(Inline)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(Inline)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(Inline)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(Inline)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(Inline)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    [MethodImpl(Inline)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);

    [MethodImpl(Inline)]
    public static Vector512<float> Abs(Vector512<float> a) => Vector512.Abs(a);

    [MethodImpl(Inline)]
    public static Vector512<float> Sqrt(Vector512<float> a) => Vector512.Sqrt(a);

    [MethodImpl(Inline)]
    public static Vector512<float> ScaleByPowerOfTwo(Vector512<float> p, Vector512<float> n, Vector512<float> magic) =>
        Avx512F.IsSupported ? Avx512F.Scale(p, n) : p * Vector512.ShiftLeft(magic.AsInt32() + Vector512.Create(127), 23).AsSingle();

    [MethodImpl(Inline)]
    public static float Sum(Vector512<float> a) => Vector512.Sum(a);

    [MethodImpl(Inline)]
    public static float MaxAcross(Vector512<float> a) => Simd256.MaxAcross(Vector256.MaxNative(a.GetLower(), a.GetUpper()));
}
