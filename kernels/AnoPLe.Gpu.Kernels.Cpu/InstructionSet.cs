using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>The vector width the kernels are compiled for, chosen once from what the processor and the runtime offer.</summary>
internal static class InstructionSet
{
    /// <summary>Bits in a vector: 512, 256 or 128; 32 without vector hardware.</summary>
    public static int Bits { get; } =
        Vector512.IsHardwareAccelerated ? 512 :
        Vector256.IsHardwareAccelerated ? 256 :
        Vector128.IsHardwareAccelerated ? 128 : 32;

    /// <summary>The choice and its reason, for people.</summary>
    public static string Description { get; } = Bits switch
    {
        512 => "Vector512 (AVX-512)",
        256 when Avx512F.IsSupported => "Vector256 (AVX-512 is there, but the runtime prefers 256 bits on this processor)",
        256 => Avx10v1.IsSupported ? "Vector256 (AVX10)" : "Vector256 (AVX2; no AVX-512)",
        128 => System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported ? "Vector128 (NEON)" : "Vector128 (no AVX2)",
        _ => "scalar (no vector hardware, or switched off by DOTNET_EnableHWIntrinsic): slow",
    };
}
