using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>
/// A file as torch.save wrote before PyTorch 1.6: five pickles (magic number, protocol version, machine, the object, keys of the storages), then
/// for each key a count of elements and the elements.
/// </summary>
/// <remarks>Format: _legacy_save and _legacy_load in torch/serialization.py of PyTorch.</remarks>
internal sealed class TorchLegacy : TorchCheckpoint
{
    private const long Version = 1001;
    private static readonly BigInteger Magic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private readonly FileStream file;
    private readonly Dictionary<string, Place> places;

    private TorchLegacy(string path, FileStream file, TorchState state, Dictionary<string, Place> places)
        : base(path, "PyTorch legacy", state)
    {
        this.file = file;
        this.places = places;
    }

    /// <summary>Reads the pickles and finds the storages. The stream is this object's if it returns.</summary>
    public static TorchLegacy Open(string path, FileStream file)
    {
        PickleReader reader = new(file, file.Length, path);
        Dictionary<string, StorageReference> declared = new(StringComparer.Ordinal);
        object? Load() => new Unpickler(reader, script: false, file.Length, reference => Storage(path, declared, reference)).Load();
        if (Load() is not BigInteger magic || magic != Magic)
            throw Bad(path, "is a pickle but none that torch.save writes, which begins with a magic number",
                "In Python, save the tensors by torch.save(model.state_dict(), \"weights.pt\")");
        if (Load() is not Version)
            throw Bad(path, $"is of another version of the format, expected {Version}", "It is damaged, or older than PyTorch 0.1.10");
        if (Load() is not PickleDict machine || machine["little_endian"] is not true)
            throw Bad(path, "was written on a big-endian machine, expected little-endian", "Load and save it on a little-endian machine");
        object? root = Load();
        TorchState state = TorchState.Of(path, root, reader.Position);
        if (Load() is not PickleList keys)
            throw Bad(path, "has no list of its storages after the tensors");
        return new TorchLegacy(path, file, state, Places(path, file, reader.Position, keys, declared));
    }

    protected override StorageCursor OpenStorage(string key) =>
        new(file, places[key].Start, places[key].Bytes, $"{Path}: storage {Quote(key)}", leaveOpen: true);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        file.Dispose();
    }

    // Sizes are compared with the file once the pickles end: what follows them says where each storage is.
    private static PickleStorage Storage(string path, Dictionary<string, StorageReference> declared, StorageReference reference)
    {
        declared.TryAdd(reference.Key, reference);
        StorageReference first = declared[reference.Key];
        if (first.Type != reference.Type || first.Bytes != reference.Bytes)
            throw Differs(path, reference.Key, reference.Type, reference.Bytes, first.Type, first.Bytes);
        if (reference.View is not { Items: var view })
            return new PickleStorage(reference.Key, reference.Type, 0, reference.Bytes);
        int element = reference.ElementBytes;
        long elements = reference.Bytes / element;
        if (view is not [_, long offset, long count] || offset < 0 || count < 0 || offset > elements || count > elements - offset)
            throw Bad(path, $"refers to a part of the storage {Quote(reference.Key)} that does not lie inside it");
        return new PickleStorage(reference.Key, reference.Type, offset * element, count * element);
    }

    private static Dictionary<string, Place> Places(string path, FileStream file, long position, PickleList keys,
        Dictionary<string, StorageReference> declared)
    {
        Dictionary<string, Place> places = new(StringComparer.Ordinal);
        foreach (object? item in keys.Items)
        {
            string key = item as string ?? throw Bad(path, $"lists {Unpickler.Kind(item)} among its storages, expected a key");
            if (!declared.TryGetValue(key, out StorageReference storage))
                throw Bad(path, $"lists the storage {Quote(key)}, which no tensor uses, so that its size is not known");
            Place place = Next(path, file, position, key, storage);
            if (!places.TryAdd(key, place))
                throw Bad(path, $"lists the storage {Quote(key)} twice");
            position = place.Start + place.Bytes;
        }
        foreach (string key in declared.Keys)
            if (!places.ContainsKey(key))
                throw Bad(path, $"does not list the storage {Quote(key)}, which a tensor uses");
        return places;
    }

    // A storage at this position: its count of elements, then they.
    private static Place Next(string path, FileStream file, long position, string key, StorageReference storage)
    {
        Span<byte> field = stackalloc byte[sizeof(long)];
        long left = file.Length - position - field.Length;
        if (left >= 0)
        {
            file.Position = position;
            file.ReadExactly(field);
            long count = BinaryPrimitives.ReadInt64LittleEndian(field), expected = storage.Bytes / storage.ElementBytes;
            if (count != expected)
                throw Bad($"{path}, byte {position}", $"the storage {Quote(key)} has {count} elements, its pickle declares {expected}");
        }
        return storage.Bytes <= left ? new Place(position + field.Length, storage.Bytes)
            : throw Bad(path, $"ends inside the storage {Quote(key)}: {Math.Max(left, 0)} bytes are left, expected {storage.Bytes}", CutOff);
    }

    /// <summary>Where a storage is.</summary>
    private readonly record struct Place(long Start, long Bytes);
}
