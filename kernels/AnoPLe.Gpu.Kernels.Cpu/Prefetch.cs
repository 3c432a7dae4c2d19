using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Asks for a cache line that will be needed. Only a hint: nothing happens where the processor has no such instruction.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Into the first-level cache and with it the second.</summary>
    /// <remarks>The hint for the second level alone (prefetcht1) did nothing at all on the Zen 4 where this was measured.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Near(float* p)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(p);
    }
}
