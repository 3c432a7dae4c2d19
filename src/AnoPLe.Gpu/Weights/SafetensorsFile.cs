using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// A safetensors file, memory-mapped: opening reads the header alone, and a tensor's bytes come from the disk when they are first read.
/// The whole header is checked on opening, so that every later read stays inside the file. Reading is thread-safe;
/// disposing while another thread reads is not. A file that another process shortens while it is open ends this process: replace
/// files by renaming, as <see cref="SafetensorsWriter"/> does.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly Dictionary<string, SafetensorsTensor> byName = new(StringComparer.Ordinal);
    private readonly MemoryMappedFile? mapping;
    private readonly MemoryMappedViewAccessor? view;
    private readonly byte[]? memory;
    private readonly unsafe byte* data;
    private readonly long dataStart;
    private volatile bool disposed;

    private SafetensorsFile(string path, Stream stream)
    {
        Path = path;
        FileBytes = stream.Length;
        Span<byte> start = stackalloc byte[SafetensorsHeader.LengthBytes];
        int length = SafetensorsHeader.ReadLength(path, start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)], FileBytes);
        byte[] json = new byte[length];
        stream.ReadExactly(json);
        SafetensorsHeader header = SafetensorsHeader.Parse(path, json, FileBytes);
        dataStart = header.DataStart;
        Tensors = header.Tensors;
        Metadata = header.Metadata;
        foreach (SafetensorsTensor tensor in Tensors)
            byName.Add(tensor.Name, tensor);
    }

    private unsafe SafetensorsFile(string path, FileStream stream) : this(path, (Stream)stream)
    {
        if (dataStart == FileBytes)
        {
            stream.Dispose();
            return;
        }
        mapping = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        view = mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        data = pointer + view.PointerOffset + dataStart;
    }

    // In memory: pinned, so that it can be read like a mapping.
    private unsafe SafetensorsFile(string name, byte[] pinned) : this(name, new MemoryStream(pinned, writable: false))
    {
        memory = pinned;
        data = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned)) + dataStart;
    }

    /// <summary>The file, as it was named on opening.</summary>
    public string Path { get; }

    /// <summary>Size of the file.</summary>
    public long FileBytes { get; }

    /// <summary>All tensors in the order of their bytes in the file.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>The header's free text, empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header whole.</summary>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="InvalidDataException">No safetensors file, or a damaged one; the message says where and what to do.</exception>
    /// <exception cref="PlatformNotSupportedException">A big-endian machine.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Safetensors data is little-endian and is used where it lies; this machine is big-endian.");
        if (Directory.Exists(path))
            throw new FileNotFoundException($"{path} is a folder, expected a safetensors file." + (Conversion.ConvertCommand.IsSharded(path)
                ? $" Join its shards first: {Conversion.ConvertCommand.For(path)}" : ""), path);
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
        try
        {
            if (!stream.CanSeek)
                throw new InvalidDataException($"{path}: is a pipe or device, expected a file on disk, because tensors are mapped from it.");
            return new SafetensorsFile(path, stream);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Reads a whole file that is embedded in an assembly into memory.</summary>
    /// <param name="assembly">Where it is.</param>
    /// <param name="resource">Its name there.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="FileNotFoundException">The assembly was built without it.</exception>
    /// <exception cref="InvalidDataException">No safetensors file, or a damaged one.</exception>
    internal static SafetensorsFile OpenResource(Assembly assembly, string resource, string name)
    {
        using Stream stream = assembly.GetManifestResourceStream(resource)
            ?? throw new FileNotFoundException($"{name} is not in {assembly.GetName().Name}: it was built without {resource}. Name a weights file instead.", resource);
        byte[] bytes = GC.AllocateUninitializedArray<byte>(checked((int)stream.Length), pinned: true);
        stream.ReadExactly(bytes);
        return new SafetensorsFile(name, bytes);
    }

    /// <summary>Whether the file has a tensor of this name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>A tensor by name.</summary>
    /// <exception cref="InvalidDataException">The file has none of this name.</exception>
    public SafetensorsTensor Find(string name) => byName.TryGetValue(name, out SafetensorsTensor? tensor)
        ? tensor : throw new InvalidDataException($"{Path}: has no tensor {ForeignFormat.Quote(name)} among its {Tensors.Count}.");

    /// <summary>The tensor as floats in new memory: F32 as stored, F16 and BF16 exactly, F64 rounded to nearest.</summary>
    /// <exception cref="InvalidDataException">No such tensor, no float type, or more than 2^31-1 elements.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public float[] ReadFloats(string name)
    {
        SafetensorsTensor tensor = Find(name);
        float[] values = GC.AllocateUninitializedArray<float>(SmallCount(tensor));
        ReadFloats(name, values);
        return values;
    }

    /// <summary>Like <see cref="ReadFloats(string)"/>, into memory of exactly as many elements.</summary>
    /// <exception cref="InvalidDataException">No such tensor, or no float type.</exception>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public void ReadFloats(string name, Span<float> destination)
    {
        SafetensorsTensor tensor = Find(name);
        Require.That(destination.Length == tensor.Count, $"The destination holds {destination.Length} floats, expected {tensor.Count} for {tensor}.");
        ReadFloats(name, 0, destination);
    }

    /// <summary>Some consecutive elements as floats, beginning at element <paramref name="start"/>; reads nothing else.</summary>
    /// <exception cref="InvalidDataException">No such tensor, or no float type.</exception>
    /// <exception cref="ArgumentException">The range does not lie inside the tensor.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public void ReadFloats(string name, long start, Span<float> destination)
    {
        SafetensorsTensor tensor = Find(name);
        if (!tensor.Type.IsFloat())
            throw WrongType(tensor, "F32, F16, BF16 or F64");
        Require.That(start >= 0 && start <= tensor.Count - destination.Length,
            $"Elements {start} to {start + destination.Length} do not lie inside {tensor}, which has {tensor.Count}.");
        int size = tensor.Type.Bits() / 8;
        // In pieces, because a span of bytes ends at 2^31.
        const int Piece = 1 << 24;
        for (int done = 0; done < destination.Length; done += Piece)
        {
            Span<float> part = destination[done..Math.Min(done + Piece, destination.Length)];
            ElementConversion.ToFloats(tensor.Type, Bytes(tensor, (start + done) * size, part.Length * size), part);
        }
        GC.KeepAlive(this);
    }

    /// <summary>
    /// The tensor's own bytes as floats without a copy, when it is F32, not empty and lies at a multiple of 4; else nothing.
    /// The memory belongs to this file: taking its span after <see cref="Dispose"/> throws <see cref="ObjectDisposedException"/>,
    /// and a span taken before must not be used after.
    /// </summary>
    /// <returns>Whether the tensor could be mapped; if not, use <see cref="ReadFloats(string)"/>.</returns>
    /// <exception cref="InvalidDataException">No such tensor, or more than 2^31-1 elements.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public unsafe bool TryMapFloats(string name, out ReadOnlyMemory<float> floats)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        SafetensorsTensor tensor = Find(name);
        floats = default;
        if (tensor.Type != SafetensorsType.F32 || tensor.Bytes == 0 || (nuint)(data + tensor.Offset) % sizeof(float) != 0)
            return false;
        floats = new MappedFloats(this, (float*)(data + tensor.Offset), SmallCount(tensor)).Memory;
        return true;
    }

    /// <summary>
    /// Consecutive elements as floats in a mapping of their own, which ends with the window. Pages of a mapping count as memory of this process
    /// from their first use on: who reads much and keeps nothing reads through windows. What is not F32 at a multiple of 4 is converted into new memory.
    /// </summary>
    /// <param name="name">A float tensor.</param>
    /// <param name="start">First element.</param>
    /// <param name="count">Number of elements.</param>
    /// <exception cref="InvalidDataException">No such tensor, or no float type.</exception>
    /// <exception cref="ArgumentException">The range does not lie inside the tensor.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    internal FloatWindow OpenWindow(string name, long start, int count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        SafetensorsTensor tensor = Find(name);
        if (!tensor.Type.IsFloat())
            throw WrongType(tensor, "F32, F16, BF16 or F64");
        Require.That(start >= 0 && count >= 0 && start <= tensor.Count - count,
            $"Elements {start} to {start + count} do not lie inside {tensor}, which has {tensor.Count}.");
        if (count == 0)
            return FloatWindow.Of([]);
        int size = tensor.Type.Bits() / 8;
        return mapping is not null ? FloatWindow.Map(mapping, dataStart + tensor.Offset + start * size, tensor.Type, count)
            : FloatWindow.Convert(Bytes(tensor, start * size, count * size), tensor.Type, count);
    }

    /// <summary>An I64, I32, I16, I8, U32, U16, U8 or BOOL tensor as 64-bit integers.</summary>
    /// <exception cref="InvalidDataException">No such tensor, no integer type that fits, or more than 2^31-1 elements.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public long[] ReadInt64s(string name)
    {
        SafetensorsTensor tensor = Find(name);
        if (!ElementConversion.IsInteger(tensor.Type))
            throw WrongType(tensor, "an integer type of at most 63 bits, or BOOL");
        long[] values = GC.AllocateUninitializedArray<long>(SmallCount(tensor));
        ElementConversion.ToInt64s(tensor.Type, Bytes(tensor, 0, checked((int)tensor.Bytes)), values);
        GC.KeepAlive(this);
        return values;
    }

    /// <summary>The tensor's bytes as stored, whatever its type.</summary>
    /// <exception cref="InvalidDataException">No such tensor, or more than 2^31-1 bytes.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public byte[] ReadBytes(string name)
    {
        SafetensorsTensor tensor = Find(name);
        if (tensor.Bytes > Array.MaxLength)
            throw new InvalidDataException($"{Path}: tensor {ForeignFormat.Quote(name)} has {tensor.Bytes} bytes, expected at most {Array.MaxLength} to read at once.");
        byte[] bytes = Bytes(tensor, 0, (int)tensor.Bytes).ToArray();
        GC.KeepAlive(this);
        return bytes;
    }

    /// <summary>Like <see cref="ReadBytes(string)"/>, into memory of exactly as many bytes.</summary>
    /// <exception cref="InvalidDataException">No such tensor.</exception>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public void ReadBytes(string name, Span<byte> destination)
    {
        SafetensorsTensor tensor = Find(name);
        Require.That(destination.Length == tensor.Bytes, $"The destination holds {destination.Length} bytes, expected {tensor.Bytes} for {tensor}.");
        Bytes(tensor, 0, destination.Length).CopyTo(destination);
        GC.KeepAlive(this);
    }

    /// <summary>Closes the file. Every later read throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        view?.SafeMemoryMappedViewHandle.ReleasePointer();
        view?.Dispose();
        mapping?.Dispose();
    }

    private unsafe ReadOnlySpan<byte> Bytes(SafetensorsTensor tensor, long start, int count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return count == 0 ? [] : new ReadOnlySpan<byte>(data + tensor.Offset + start, count);
    }

    private int SmallCount(SafetensorsTensor tensor) => tensor.Count <= int.MaxValue && tensor.Bytes <= (long)int.MaxValue * sizeof(float) ? (int)tensor.Count
        : throw new InvalidDataException($"{Path}: tensor {ForeignFormat.Quote(tensor.Name)} has {tensor.Count} elements, expected at most {int.MaxValue}.");

    private InvalidDataException WrongType(SafetensorsTensor tensor, string expected) =>
        new($"{Path}: tensor {ForeignFormat.Quote(tensor.Name)} is {tensor.Type}, expected {expected}.");

    /// <summary>Floats inside the mapping that know when it ends.</summary>
    private sealed unsafe class MappedFloats(SafetensorsFile file, float* start, int count) : MemoryManager<float>
    {
        public override Span<float> GetSpan()
        {
            ObjectDisposedException.ThrowIf(file.disposed, file);
            return new Span<float>(start, count);
        }

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ObjectDisposedException.ThrowIf(file.disposed, file);
            return new MemoryHandle(start + elementIndex, default, this);
        }

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
