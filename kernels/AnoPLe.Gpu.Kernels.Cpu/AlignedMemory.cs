using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// A block of native floats on a cache-line boundary, followed by <see cref="Slack"/> floats that belong to nobody, so that whole
/// vectors may be read past the end. Freed by Dispose, or by the garbage collector when that was forgotten.
/// </summary>
internal sealed unsafe class AlignedMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>Readable floats after the last one: four of the widest vectors.</summary>
    public const int Slack = 64;

    /// <summary>A cache line, and the widest vector.</summary>
    private const int Alignment = 64;

    private static long bytesInUse;

    private readonly long bytes;

    /// <summary>Takes memory for count floats. Their values are undefined (NaN in debug builds, up to 64 MiB, so that nobody relies on them).</summary>
    /// <exception cref="DeviceException">Not enough memory; the message names <paramref name="name"/> and the size.</exception>
    public AlignedMemory(string name, long count)
        : base(ownsHandle: true)
    {
        bytes = sizeof(float) * (count + Slack);
        // Linux promises memory it does not have and kills the process that touches it: keep count against what there is.
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (Interlocked.Add(ref bytesInUse, bytes) > available && available > 0)
        {
            Interlocked.Add(ref bytesInUse, -bytes);
            throw OutOfMemory(name, available, null);
        }
        try
        {
            SetHandle((nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment));
        }
        catch (OutOfMemoryException e)
        {
            Interlocked.Add(ref bytesInUse, -bytes);
            throw OutOfMemory(name, available, e);
        }
        GC.AddMemoryPressure(bytes);
        Initialise(count);
    }

    /// <summary>The first float.</summary>
    /// <exception cref="ObjectDisposedException">The memory was freed.</exception>
    public float* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (float*)handle;
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        Interlocked.Add(ref bytesInUse, -bytes);
        GC.RemoveMemoryPressure(bytes);
        return true;
    }

    private void Initialise(long count)
    {
#if DEBUG
        new Span<float>(Pointer, (int)Math.Min(count, 1 << 24)).Fill(float.NaN);
#endif
        NativeMemory.Clear(Pointer + count, Slack * sizeof(float));
    }

    private DeviceException OutOfMemory(string name, long available, Exception? cause) => new(
        $"Not enough memory for '{name}': {Mebibytes(bytes)} on top of {Mebibytes(Interlocked.Read(ref bytesInUse))} in use, " +
        $"and this process may have {Mebibytes(available)}. Use a smaller batch or a smaller model, or dispose what is no longer needed.",
        cause!);

    private static string Mebibytes(long size) => FormattableString.Invariant($"{size / 1048576.0:F1} MiB");
}
