using System.IO.MemoryMappedFiles;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// Floats that are borrowed: a part of a file mapped for as long as this lives, or memory that the garbage collector owns. Using
/// <see cref="Values"/> after <see cref="Dispose"/> is using memory that is not there.
/// </summary>
internal readonly unsafe ref struct FloatWindow : IDisposable
{
    private readonly MemoryMappedViewAccessor? view;

    private FloatWindow(MemoryMappedViewAccessor? view, ReadOnlySpan<float> values)
    {
        this.view = view;
        Values = values;
    }

    /// <summary>The values, row-major.</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>Values in memory that nobody has to give back.</summary>
    public static FloatWindow Of(ReadOnlySpan<float> values) => new(null, values);

    /// <summary>Values in memory as stored, converted into new memory.</summary>
    /// <param name="bytes">Exactly the elements' bytes.</param>
    /// <param name="type">What they are.</param>
    /// <param name="count">Number of elements.</param>
    public static FloatWindow Convert(ReadOnlySpan<byte> bytes, SafetensorsType type, int count)
    {
        float[] converted = GC.AllocateUninitializedArray<float>(count);
        ElementConversion.ToFloats(type, bytes, converted);
        return Of(converted);
    }

    /// <summary>Values in a mapped file.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="position">First byte.</param>
    /// <param name="type">What the bytes are; anything but F32 at a multiple of 4 is converted into new memory.</param>
    /// <param name="count">Number of elements, at least one.</param>
    public static FloatWindow Map(MemoryMappedFile file, long position, SafetensorsType type, int count)
    {
        long bytes = (long)count * type.Bits() / 8;
        MemoryMappedViewAccessor view = file.CreateViewAccessor(position, bytes, MemoryMappedFileAccess.Read);
        try
        {
            byte* start = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            start += view.PointerOffset;
            if (type == SafetensorsType.F32 && (nuint)start % sizeof(float) == 0)
                return new FloatWindow(view, new ReadOnlySpan<float>((float*)start, count));
            float[] converted = GC.AllocateUninitializedArray<float>(count);
            Convert(start, type, converted);
            Close(view);
            return Of(converted);
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }

    /// <summary>Ends the mapping.</summary>
    public void Dispose()
    {
        if (view is not null)
            Close(view);
    }

    private static void Convert(byte* bytes, SafetensorsType type, Span<float> floats)
    {
        int size = type.Bits() / 8;
        // In pieces, because a span of bytes ends at 2^31.
        const int Piece = 1 << 24;
        for (int done = 0; done < floats.Length; done += Piece)
        {
            Span<float> part = floats[done..Math.Min(done + Piece, floats.Length)];
            ElementConversion.ToFloats(type, new ReadOnlySpan<byte>(bytes + (long)done * size, part.Length * size), part);
        }
    }

    private static void Close(MemoryMappedViewAccessor view)
    {
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
    }
}
