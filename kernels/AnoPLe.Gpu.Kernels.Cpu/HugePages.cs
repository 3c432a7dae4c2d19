using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Asks Linux to back large blocks with pages of 2 MiB: the first write to a block then costs one fault where it cost 512, and the matrix
/// product misses fewer address translations. It is a hint: where it is not taken, memory is the same but slower to come.
/// </summary>
internal static partial class HugePages
{
    /// <summary>Bytes of a huge page on x64, and on Arm64 with base pages of 4 KiB.</summary>
    public const int Size = 1 << 21;

    private const int HugePageAdvice = 14; // MADV_HUGEPAGE of sys/mman.h

    private static volatile bool isAvailable = OperatingSystem.IsLinux();

    /// <summary>Boundary on which a block of so many bytes should begin: a huge page, or what it needs anyway.</summary>
    public static int Alignment(long bytes, int otherwise) => isAvailable && bytes >= 2 * Size ? Size : otherwise;

    /// <summary>Gives the hint for all huge pages that lie whole inside a block, so that nothing beyond it becomes resident.</summary>
    public static void Advise(nint start, long bytes)
    {
        nint first = (start + Size - 1) / Size * Size, end = (nint)((start + bytes) / Size * Size);
        if (!isAvailable || end <= first)
            return;
        try
        {
            _ = MAdvise(first, (nuint)(end - first), HugePageAdvice);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            isAvailable = false; // another C library under another name
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MAdvise(nint start, nuint length, int advice);
}
