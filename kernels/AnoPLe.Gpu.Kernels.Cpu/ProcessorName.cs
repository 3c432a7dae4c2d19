using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>What the processor calls itself.</summary>
internal static class ProcessorName
{
    /// <summary>The brand string of an x86 processor; the architecture elsewhere.</summary>
    public static string Read()
    {
        const int BrandFirst = unchecked((int)0x80000002), BrandLast = BrandFirst + 2;
        if (!X86Base.IsSupported || X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < BrandLast)
            return $"{RuntimeInformation.ProcessArchitecture} processor";
        Span<int> words = stackalloc int[12];
        for (int i = 0; i < 3; i++)
            (words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]) = X86Base.CpuId(BrandFirst + i, 0);
        return Encoding.ASCII.GetString(MemoryMarshal.AsBytes(words)).Trim('\0', ' ');
    }
}
