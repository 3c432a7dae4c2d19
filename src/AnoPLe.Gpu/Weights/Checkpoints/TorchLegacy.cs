using System.Buffers.Binary;
using System.Numerics;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>
/// A file as torch.save wrote before PyTorch 1.6: five pickles (magic number, protocol version, machine, the object, keys of the storages), then
/// for each key a count of elements and the elements.
/// </summary>
/// <remarks>Format: _legacy_save and _legacy_load in torch/serialization.py of PyTorch.</remarks>
internal sealed class TorchLegacy : TorchCheckpoint
{
    private const long Version = 1001;
    private static readonly BigInteger Magic = BigInteger.Parse("1950a86a20f9469cfc6c", System.Globalization.NumberStyles.HexNumber, null);

    private readonly FileStream file;
    private readonly Dictionary<string, (long Start, long Bytes)> places;

    private TorchLegacy(string path, FileStream file, TorchState state, Dictionary<string, (long, long)> places)
        : base(path, "PyTorch legacy", state)
    {
        this.file = file;
        this.places = places;
    }

    /// <summary>Reads the pickles and finds the storages. The stream is this object's if it returns.</summary>
    public static TorchLegacy Open(string path, FileStream file)
    {
        PickleReader reader = new(file, file.Length, path);
        Dictionary<string, Root> roots = new(StringComparer.Ordinal);
        object? Load() => new Unpickler(reader, script: false, file.Length, reference => Storage(path, roots, reference)).Load();
        if (Load() is not BigInteger magic || magic != Magic)
            throw new InvalidDataException($"{path}: is a pickle but none that torch.save writes, which begins with a magic number. "
                + "In Python, save the tensors by torch.save(model.state_dict(), ...).");
        if (Load() is not Version)
            throw new InvalidDataException($"{path}: is of another version of the format, expected {Version}. It is damaged, or older than PyTorch 0.1.10.");
        if (Load() is not PickleDict machine || machine["little_endian"] is not true)
            throw new InvalidDataException($"{path}: was written on a big-endian machine, expected little-endian. Load and save it on a little-endian machine.");
        object? root = Load();
        TorchState state = TorchState.Of(path, root, reader.Position);
        if (Load() is not PickleList keys)
            throw new InvalidDataException($"{path}: has no list of its storages after the tensors. It is damaged: copy or download it again.");
        return new TorchLegacy(path, file, state, Places(path, file, reader.Position, keys, roots));
    }

    protected override StorageCursor OpenStorage(string key)
    {
        var (start, bytes) = places[key];
        return new StorageCursor(file, start, bytes, $"{Path}: storage {ForeignFormat.Quote(key)}", leaveOpen: true);
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        file.Dispose();
    }

    private static PickleStorage Storage(string path, Dictionary<string, Root> roots, StorageReference reference)
    {
        if (!roots.TryGetValue(reference.Key, out Root? root))
            roots.Add(reference.Key, root = new Root(reference));
        if (root.Declared.Type != reference.Type || root.Declared.Bytes != reference.Bytes)
            throw new InvalidDataException($"{path}: declares the storage {ForeignFormat.Quote(reference.Key)} as {reference.Bytes} bytes of {reference.Type} after "
                + $"{root.Declared.Bytes} of {root.Declared.Type}. Expected one size and type; the file is damaged.");
        if (reference.View is not { Items: var view })
            return root.Whole;
        int element = reference.ElementBytes;
        if (view is not [_, long offset, long count] || offset < 0 || count < 0 || offset > reference.Bytes / element || count > reference.Bytes / element - offset)
            throw new InvalidDataException($"{path}: refers to a part of the storage {ForeignFormat.Quote(reference.Key)} that does not lie inside it. The file is damaged.");
        return new PickleStorage(reference.Key, reference.Type, offset * element, count * element);
    }

    private static Dictionary<string, (long, long)> Places(string path, FileStream file, long position, PickleList keys, Dictionary<string, Root> roots)
    {
        Dictionary<string, (long, long)> places = new(StringComparer.Ordinal);
        Span<byte> field = stackalloc byte[sizeof(long)];
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !roots.TryGetValue(key, out Root? root))
                throw new InvalidDataException($"{path}: lists the storage {(item is string text ? ForeignFormat.Quote(text) : Unpickler.Kind(item))}, which no tensor uses. "
                    + "Its size is not known; the file is damaged.");
            if (position > file.Length - field.Length)
                throw Short(path, key, 0, root);
            file.Position = position;
            file.ReadExactly(field);
            long count = BinaryPrimitives.ReadInt64LittleEndian(field);
            position += field.Length;
            if (count != root.Declared.Bytes / root.Declared.ElementBytes)
                throw new InvalidDataException($"{path}, byte {position - field.Length}: the storage {ForeignFormat.Quote(key)} has {count} elements, its pickle declares "
                    + $"{root.Declared.Bytes / root.Declared.ElementBytes}. The file is damaged: copy or download it again.");
            if (root.Declared.Bytes > file.Length - position)
                throw Short(path, key, file.Length - position, root);
            if (!places.TryAdd(key, (position, root.Declared.Bytes)))
                throw new InvalidDataException($"{path}: lists the storage {ForeignFormat.Quote(key)} twice. Expected every storage once; the file is damaged.");
            position += root.Declared.Bytes;
        }
        foreach (string key in roots.Keys)
            if (!places.ContainsKey(key))
                throw new InvalidDataException($"{path}: does not list the storage {ForeignFormat.Quote(key)}, which a tensor uses. The file is damaged: copy or download it again.");
        return places;
    }

    private static InvalidDataException Short(string path, string key, long left, Root root) =>
        new($"{path}: ends inside the storage {ForeignFormat.Quote(key)}: {Math.Max(left, 0)} bytes are left, expected {root.Declared.Bytes}. "
            + "The file was cut off: copy or download it again.");

    /// <summary>A storage as it was first declared.</summary>
    private sealed class Root(StorageReference declared)
    {
        public StorageReference Declared { get; } = declared;

        public PickleStorage Whole { get; } = new(declared.Key, declared.Type, 0, declared.Bytes);
    }
}
