using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Weights;

/// <summary>A tensor that will be written: the header must name all of them before the first byte of data.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">Any; F32, F16 and BF16 are written from floats, I64, I32 and U8 from integers, and every type as bytes.</param>
/// <param name="Shape">Axes, slowest first; none for a scalar, 0 for an empty axis.</param>
public sealed record SafetensorsDeclaration(string Name, SafetensorsType Type, params IReadOnlyList<long> Shape)
{
    /// <summary>A declaration from a tensor's shape.</summary>
    public SafetensorsDeclaration(string name, SafetensorsType type, Shape shape)
        : this(name, type, [.. Enumerable.Range(0, shape.Rank).Select(axis => (long)shape[axis])])
    {
    }
}

/// <summary>
/// Writes a safetensors file in pieces: into a temporary file beside the final one, flushed to the disk, then renamed over it by
/// <see cref="Commit"/>. Disposing without a commit deletes the temporary file, so nothing half-written stays. The same tensors,
/// metadata and values give the same bytes. Tensors lie in order of element size, largest first, then of declaration, so that each is
/// aligned to its elements; they may be written in any order. Not thread-safe.
/// </summary>
public sealed class SafetensorsWriter : IDisposable
{
    private readonly string path, temporary;
    private readonly Stream stream;
    private readonly Dictionary<string, Slot> slots = new(StringComparer.Ordinal);
    private readonly long dataStart;
    private readonly DataSeal? seal;
    private bool closed;

    private SafetensorsWriter(string path, string temporary, Stream stream, IReadOnlyList<Slot> layout, byte[] header, DataSeal? seal)
    {
        this.path = path;
        this.temporary = temporary;
        this.stream = stream;
        foreach (Slot slot in layout)
            slots.Add(slot.Declaration.Name, slot);
        dataStart = header.Length;
        this.seal = seal;
        seal?.Locate(header);
        Guarded(() => stream.Write(header));
    }

    /// <summary>Begins a file.</summary>
    /// <param name="path">Where it will be after <see cref="Commit"/>; an existing file is replaced then.</param>
    /// <param name="tensors">Every tensor that will be written.</param>
    /// <param name="metadata">Free text for the header.</param>
    /// <exception cref="ArgumentException">A name twice, a type that cannot be written, a negative axis or too large a shape.</exception>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="IOException">The file cannot be created, or the disk is too full for it.</exception>
    public static SafetensorsWriter Create(string path, IEnumerable<SafetensorsDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        Create(path, tensors, metadata, OpenTemporary);

    /// <summary>
    /// Begins a file that will hold the SHA-256 of its own data in its metadata, under <see cref="DataSeal.Key"/>, so that a changed byte
    /// shows. Tensors must be written in the order of <see cref="Order"/>.
    /// </summary>
    /// <inheritdoc cref="Create(string, IEnumerable{SafetensorsDeclaration}, IReadOnlyDictionary{string, string})" path="/param|/exception"/>
    internal static SafetensorsWriter CreateSealed(string path, IEnumerable<SafetensorsDeclaration> tensors, IReadOnlyDictionary<string, string> metadata) =>
        Create(path, tensors, new Dictionary<string, string>(metadata) { [DataSeal.Key] = DataSeal.Blank }, OpenTemporary, new DataSeal());

    /// <summary>Names of the tensors in the order of their bytes in the file.</summary>
    internal IReadOnlyList<string> Order => [.. slots.Values.OrderBy(slot => slot.Offset).Select(slot => slot.Declaration.Name)];

    /// <summary>With another way to open the temporary file: tests use streams that fail.</summary>
    internal static SafetensorsWriter Create(string path, IEnumerable<SafetensorsDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata,
        Func<string, long, Stream> open, DataSeal? seal = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        List<Slot> layout = Layout(tensors);
        byte[] header = Header(layout, metadata);
        string folder = CheckTarget(path);
        string temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        long total = header.Length + (layout.Count == 0 ? 0 : layout[^1].Offset + layout[^1].Bytes);
        Stream stream;
        try
        {
            stream = open(temporary, total);
        }
        catch (IOException e)
        {
            File.Delete(temporary);
            throw Failed(path, e);
        }
        return new SafetensorsWriter(path, temporary, stream, layout, header, seal);
    }

    /// <summary>Checks that a file of this name can be made, and returns its folder.</summary>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="IOException">The name is that of a folder.</exception>
    internal static string CheckTarget(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{path}: its folder does not exist. Create {folder} first.");
        return Directory.Exists(path) ? throw new IOException($"{path} is a folder, expected the name of a file.") : folder;
    }

    /// <summary>Appends elements of any type as their little-endian bytes.</summary>
    /// <exception cref="ArgumentException">An undeclared tensor, or more bytes than declared.</exception>
    /// <exception cref="IOException">The disk is full or failed; the temporary file is gone.</exception>
    public void WriteBytes(string name, ReadOnlySpan<byte> bytes)
    {
        Slot slot = Find(name);
        Require.That(bytes.Length <= slot.Bytes - slot.Written,
            $"The tensor '{name}' gets {bytes.Length} bytes more, of {slot.Bytes} bytes {slot.Written} are written already.");
        Append(slot, bytes);
    }

    /// <summary>Appends floats to an F32, F16 or BF16 tensor; call it once with all of them, or several times with parts in order.</summary>
    /// <exception cref="ArgumentException">An undeclared tensor, one of another type, or more elements than declared.</exception>
    /// <exception cref="IOException">The disk is full or failed; the temporary file is gone.</exception>
    public void Write(string name, ReadOnlySpan<float> values)
    {
        Slot slot = Begin(name, values.Length, SafetensorsType.F32, SafetensorsType.F16, SafetensorsType.BF16);
        if (slot.Declaration.Type == SafetensorsType.F32)
        {
            Append(slot, MemoryMarshal.AsBytes(values));
            return;
        }
        const int Piece = 1 << 16;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(2 * Piece);
        for (int done = 0; done < values.Length; done += Piece)
        {
            ReadOnlySpan<float> part = values[done..Math.Min(done + Piece, values.Length)];
            ElementConversion.FromFloats(slot.Declaration.Type, part, buffer.AsSpan(0, 2 * part.Length));
            Append(slot, buffer.AsSpan(0, 2 * part.Length));
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Appends to an I64 tensor.</summary>
    /// <inheritdoc cref="Write(string, ReadOnlySpan{float})" path="/exception"/>
    public void Write(string name, ReadOnlySpan<long> values) => Append(Begin(name, values.Length, SafetensorsType.I64), MemoryMarshal.AsBytes(values));

    /// <summary>Appends to an I32 tensor.</summary>
    /// <inheritdoc cref="Write(string, ReadOnlySpan{float})" path="/exception"/>
    public void Write(string name, ReadOnlySpan<int> values) => Append(Begin(name, values.Length, SafetensorsType.I32), MemoryMarshal.AsBytes(values));

    /// <summary>Appends to a U8 tensor.</summary>
    /// <inheritdoc cref="Write(string, ReadOnlySpan{float})" path="/exception"/>
    public void Write(string name, ReadOnlySpan<byte> values) => Append(Begin(name, values.Length, SafetensorsType.U8), values);

    /// <summary>Checks that every tensor is complete, flushes to the disk and renames the file into place.</summary>
    /// <exception cref="InvalidOperationException">A tensor is not complete.</exception>
    /// <exception cref="IOException">The disk is full or failed; the temporary file is gone and an existing file is as it was.</exception>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(closed, this);
        foreach (Slot slot in slots.Values)
            if (slot.Written != slot.Bytes)
                throw new InvalidOperationException(
                    $"{path}: tensor '{slot.Declaration.Name}' has {slot.Written} of {slot.Bytes} bytes. Write all of it before the commit.");
        Guarded(() =>
        {
            seal?.WriteTo(stream);
            if (stream is FileStream file)
                file.Flush(flushToDisk: true);
            else
                stream.Flush();
            stream.Dispose();
            File.Move(temporary, path, overwrite: true);
        });
        seal?.Dispose();
        closed = true;
    }

    /// <summary>Without a commit: deletes the temporary file.</summary>
    public void Dispose()
    {
        if (closed)
            return;
        closed = true;
        seal?.Dispose();
        try
        {
            stream.Dispose();
        }
        catch (IOException)
        {
            // The data is given up anyway; what failed was said where it failed.
        }
        File.Delete(temporary);
    }

    private static List<Slot> Layout(IEnumerable<SafetensorsDeclaration> tensors)
    {
        List<Slot> layout = [];
        HashSet<string> names = new(StringComparer.Ordinal) { "__metadata__" };
        long offset = 0;
        foreach (SafetensorsDeclaration tensor in tensors.OrderByDescending(t => t.Type.Bits()))
        {
            Require.That(names.Add(tensor.Name), $"The tensor '{tensor.Name}' is declared twice, or its name is reserved.");
            long count = 1;
            foreach (long axis in tensor.Shape)
            {
                Require.That(axis >= 0 && (axis == 0 || count <= (long.MaxValue >> 4) / axis),
                    $"The tensor '{tensor.Name}' has shape {SafetensorsTensor.Text(tensor.Shape)}, expected axes from 0 and a size below 2^59.");
                count *= axis;
            }
            int bits = tensor.Type.Bits();
            Require.That(bits % 8 == 0 || count * bits % 8 == 0, $"The tensor '{tensor.Name}' has {count} elements of {bits} bits, expected whole bytes.");
            long bytes = bits % 8 == 0 ? count * (bits / 8) : count * bits / 8;
            layout.Add(new Slot(tensor, offset, bytes));
            offset = checked(offset + bytes);
        }
        return layout;
    }

    private static byte[] Header(List<Slot> layout, IReadOnlyDictionary<string, string>? metadata)
    {
        ArrayBufferWriter<byte> bytes = new();
        bytes.Write(stackalloc byte[SafetensorsHeader.LengthBytes]);
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            foreach (Slot slot in layout)
            {
                json.WriteStartObject(slot.Declaration.Name);
                json.WriteString("dtype", slot.Declaration.Type.ToString());
                json.WriteStartArray("shape");
                foreach (long axis in slot.Declaration.Shape)
                    json.WriteNumberValue(axis);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(slot.Offset);
                json.WriteNumberValue(slot.Offset + slot.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // Spaces up to a multiple of 8, so that the data is aligned.
        byte[] header = new byte[(bytes.WrittenCount + 7) / 8 * 8];
        header.AsSpan().Fill((byte)' ');
        bytes.WrittenSpan.CopyTo(header);
        int length = header.Length - SafetensorsHeader.LengthBytes;
        Require.That(length <= SafetensorsHeader.MaxHeaderBytes, $"The header would have {length} bytes, the format allows {SafetensorsHeader.MaxHeaderBytes}.");
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)length);
        return header;
    }

    private static FileStream OpenTemporary(string temporary, long bytes) => new(temporary, new FileStreamOptions
    {
        Mode = FileMode.CreateNew,
        Access = FileAccess.Write,
        Share = FileShare.None,
        BufferSize = 1 << 16,
        // Fails here, and not after minutes, when the disk is too full.
        PreallocationSize = bytes,
    });

    private Slot Begin(string name, int count, params ReadOnlySpan<SafetensorsType> types)
    {
        Slot slot = Find(name);
        bool matches = types.Contains(slot.Declaration.Type);
        Require.That(matches, $"The tensor '{name}' is declared {slot.Declaration.Type}, which is not written from these values.");
        Require.That(count <= (slot.Bytes - slot.Written) / (slot.Declaration.Type.Bits() / 8),
            $"The tensor '{name}' gets {count} elements more, of {slot.Bytes} bytes {slot.Written} are written already.");
        return slot;
    }

    private Slot Find(string name)
    {
        ObjectDisposedException.ThrowIf(closed, this);
        bool declared = slots.TryGetValue(name, out Slot? slot);
        Require.That(declared, $"The tensor '{name}' was not declared for {path}.");
        return slot!;
    }

    private void Append(Slot slot, ReadOnlySpan<byte> bytes)
    {
        try
        {
            long position = dataStart + slot.Offset + slot.Written;
            if (stream.Position != position)
                stream.Position = position;
            stream.Write(bytes);
            seal?.Append(slot.Offset + slot.Written, bytes);
            slot.Written += bytes.Length;
        }
        catch (IOException e)
        {
            Dispose();
            throw Failed(path, e);
        }
    }

    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (IOException e)
        {
            Dispose();
            throw Failed(path, e);
        }
    }

    private static IOException Failed(string path, IOException e) =>
        new($"{path}: could not be written ({e.Message.TrimEnd('.')}). Free disk space or choose another folder; nothing half-written was left.", e);

    private sealed class Slot(SafetensorsDeclaration declaration, long offset, long bytes)
    {
        public SafetensorsDeclaration Declaration { get; } = declaration;

        public long Offset { get; } = offset;

        public long Bytes { get; } = bytes;

        public long Written { get; set; }
    }
}
