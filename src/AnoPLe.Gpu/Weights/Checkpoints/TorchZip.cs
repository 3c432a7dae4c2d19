using AnoPLe.Gpu.Weights.Checkpoints.Pickle;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>
/// A ZIP archive as torch.save has written since PyTorch 1.6, and torch.jit.save: NAME/data.pkl refers to storages NAME/data/KEY.
/// PyTorch stores entries as they are; deflated ones, which other tools make, are read within limits.
/// </summary>
/// <remarks>Format: caffe2/serialize/inline_container.h and torch/serialization.py of PyTorch.</remarks>
internal sealed class TorchZip : TorchCheckpoint
{
    private const string PickleName = "/data.pkl";

    private readonly ZipEntries entries;
    private readonly string folder;

    private TorchZip(string path, bool script, TorchState state, ZipEntries entries, string folder)
        : base(path, script ? "TorchScript" : "PyTorch zip", state)
    {
        this.entries = entries;
        this.folder = folder;
    }

    /// <summary>Reads the directory and the pickle. The stream is this object's if it returns.</summary>
    public static TorchZip Open(string path, FileStream file)
    {
        ZipEntries entries = new(path, file);
        try
        {
            string folder = Folder(path, entries);
            CheckByteOrder(path, entries, folder + "/byteorder");
            bool script = entries.Contains(folder + "/constants.pkl");
            string pickle = folder + PickleName;
            using Stream stream = entries.Open(pickle);
            PickleReader reader = new(stream, PickleBytes(path, entries, pickle), $"{path}: {Quote(pickle)}");
            Dictionary<string, PickleStorage> known = new(StringComparer.Ordinal);
            object? root = new Unpickler(reader, script, file.Length, Storage).Load();
            return new TorchZip(path, script, TorchState.Of(path, root, reader.Position), entries, folder);

            PickleStorage Storage(StorageReference reference)
            {
                if (!known.TryGetValue(reference.Key, out PickleStorage? storage))
                    known.Add(reference.Key, storage = FindStorage(path, entries, StorageName(folder, reference.Key), reference));
                return storage.Type == reference.Type && storage.Bytes == reference.Bytes ? storage
                    : throw Differs(path, reference.Key, reference.Type, reference.Bytes, storage.Type, storage.Bytes);
            }
        }
        catch
        {
            entries.Dispose();
            throw;
        }
    }

    protected override StorageCursor OpenStorage(string key)
    {
        string name = StorageName(folder, key);
        return new StorageCursor(entries.Open(name), 0, entries.Bytes(name), $"{Path}: {Quote(name)}");
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        entries.Dispose();
    }

    private static string Folder(string path, ZipEntries entries)
    {
        string[] folders = [.. entries.Names.Where(IsPickle).Select(name => name[..^PickleName.Length])];
        if (folders.Length == 1)
            return folders[0];
        string some = string.Join(", ", entries.Names.Take(5).Select(Quote));
        throw Bad(path, $"is a ZIP archive with {folders.Length} entries NAME/data.pkl among {entries.Names.Count} ({some}), expected one",
            "If it holds a checkpoint, unpack that first");

        static bool IsPickle(string name) =>
            name.EndsWith(PickleName, StringComparison.Ordinal) && name.IndexOf('/', StringComparison.Ordinal) == name.Length - PickleName.Length;
    }

    private static void CheckByteOrder(string path, ZipEntries entries, string name)
    {
        if (entries.Contains(name) && entries.ReadText(name) is not "little" and var order)
            throw Bad(path, $"{Quote(name)} says {Quote(order)}, expected 'little'", "Load and save it on a little-endian machine");
    }

    // A deflated pickle of names and shapes shrinks to a tenth or so; what unfolds to much more is a trap.
    private static long PickleBytes(string path, ZipEntries entries, string name)
    {
        long packed = entries.PackedBytes(name), bytes = entries.Bytes(name), limit = (1 << 20) + 8 * Math.Min(packed, PickleReader.MaxBytes);
        return bytes <= packed || bytes <= limit ? bytes
            : throw Bad(path, $"{Quote(name)} unfolds {packed} bytes to {bytes}, expected at most {limit} for names and shapes", Hostile);
    }

    private static PickleStorage FindStorage(string path, ZipEntries entries, string name, StorageReference reference)
    {
        if (reference.View is not null)
            throw Bad(path, $"the storage {Quote(reference.Key)} is a part of another, which this format does not have");
        if (!entries.Contains(name))
            throw Bad(path, $"has no entry {Quote(name)}, which its pickle refers to", "The archive is incomplete: copy or download it again");
        if (reference.Bytes > entries.Bytes(name))
            throw Bad(path, $"{Quote(name)} has {entries.Bytes(name)} bytes, its pickle declares {reference.Bytes}");
        return new PickleStorage(reference.Key, reference.Type, 0, reference.Bytes);
    }

    private static string StorageName(string folder, string key) => $"{folder}/data/{key}";
}
