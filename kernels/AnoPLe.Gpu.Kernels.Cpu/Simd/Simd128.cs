using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace AnoPLe.Gpu.Kernels.Cpu.Simd;

/// <summary>SSE and NEON: 4 floats; 16 registers on x86, 32 on Arm64.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int N => 4;

    public static bool ManyRegisters => AdvSimd.IsSupported;

    [MethodImpl(Inline)]
    public static Vector128<float> Load(float* p) => Vector128.Load(p);

    [MethodImpl(Inline)]
    public static Vector128<float> LowerHalves(Vector128<float> pairs) => Vector128.ShiftLeft(pairs.AsUInt32(), 16).AsSingle();

    [MethodImpl(Inline)]
    public static Vector128<float> UpperHalves(Vector128<float> pairs) => (pairs.AsUInt32() & Vector128.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(Inline)]
    public static void Store(Vector128<float> v, float* p) => v.Store(p);

    [MethodImpl(Inline)]
    public static Vector128<float> Broadcast(float x) => Vector128.Create(x);

    [MethodImpl(Inline)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(Inline)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(Inline)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(Inline)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(Inline)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(Inline)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    [MethodImpl(Inline)]
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);

    [MethodImpl(Inline)]
    public static Vector128<float> Abs(Vector128<float> a) => Vector128.Abs(a);

    [MethodImpl(Inline)]
    public static Vector128<float> Sqrt(Vector128<float> a) => Vector128.Sqrt(a);

    [MethodImpl(Inline)]
    public static Vector128<float> ScaleByPowerOfTwo(Vector128<float> p, Vector128<float> n, Vector128<float> magic) =>
        p * Vector128.ShiftLeft(magic.AsInt32() + Vector128.Create(127), 23).AsSingle();

    [MethodImpl(Inline)]
    public static float Sum(Vector128<float> a) => Vector128.Sum(a);

    [MethodImpl(Inline)]
    public static float MaxAcross(Vector128<float> a) => MathF.Max(MathF.Max(a[0], a[1]), MathF.Max(a[2], a[3]));
}
