using System.IO.Compression;
using System.Text;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>
/// A ZIP archive as torch.save has written since PyTorch 1.6, and torch.jit.save: NAME/data.pkl refers to storages NAME/data/KEY.
/// Names of entries are only ever looked up, never used as paths. PyTorch stores entries as they are; deflated ones, which other tools make,
/// are read within limits.
/// </summary>
/// <remarks>Format: caffe2/serialize/inline_container.h and torch/serialization.py of PyTorch.</remarks>
internal sealed class TorchZip : TorchCheckpoint
{
    private const string PickleName = "/data.pkl";

    // Deflate makes at most 1032 bytes of one.
    private const long DeflateLimit = 1032;

    private readonly ZipArchive archive;
    private readonly Dictionary<string, ZipArchiveEntry> entries;
    private readonly string folder;

    private TorchZip(string path, string format, TorchState state, ZipArchive archive, Dictionary<string, ZipArchiveEntry> entries, string folder)
        : base(path, format, state)
    {
        this.archive = archive;
        this.entries = entries;
        this.folder = folder;
    }

    /// <summary>Reads the directory and the pickle. The stream is this object's if it returns.</summary>
    public static TorchZip Open(string path, FileStream file)
    {
        ZipArchive archive = OpenArchive(path, file);
        try
        {
            Dictionary<string, ZipArchiveEntry> entries = Entries(path, archive, file.Length);
            string folder = Folder(path, entries);
            CheckByteOrder(path, entries, folder);
            bool script = entries.ContainsKey(folder + "/constants.pkl");
            ZipArchiveEntry pickle = entries[folder + PickleName];
            using Stream stream = OpenEntry(path, pickle);
            PickleReader reader = new(stream, PickleBytes(path, pickle), $"{path}: {Name(pickle)}");
            Dictionary<string, PickleStorage> storages = new(StringComparer.Ordinal);
            object? root = new Unpickler(reader, script, file.Length, reference => Storage(path, entries, folder, storages, reference)).Load();
            return new TorchZip(path, script ? "TorchScript" : "PyTorch zip", TorchState.Of(path, root, reader.Position), archive, entries, folder);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    protected override StorageCursor OpenStorage(string key)
    {
        ZipArchiveEntry entry = entries[StorageName(folder, key)];
        return new StorageCursor(OpenEntry(Path, entry), 0, entry.Length, $"{Path}: {Name(entry)}");
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        archive.Dispose();
    }

    private static ZipArchive OpenArchive(string path, FileStream file)
    {
        try
        {
            return new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: false, Encoding.UTF8);
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw new InvalidDataException($"{path}: begins like a ZIP archive but its directory is damaged or cut off ({e.Message}). Copy or download it again.", e);
        }
    }

    private static Dictionary<string, ZipArchiveEntry> Entries(string path, ZipArchive archive, long fileBytes)
    {
        IReadOnlyCollection<ZipArchiveEntry> all;
        try
        {
            all = archive.Entries;
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw new InvalidDataException($"{path}: its ZIP directory is damaged ({e.Message}). Copy or download it again.", e);
        }
        Dictionary<string, ZipArchiveEntry> entries = new(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in all)
        {
            if (!entries.TryAdd(entry.FullName, entry))
                throw new InvalidDataException($"{path}: has the entry {Name(entry)} twice. Expected every name once; the archive is damaged.");
            if (entry.CompressedLength > fileBytes)
                throw new InvalidDataException($"{path}: {Name(entry)} declares {entry.CompressedLength} bytes, the whole file has {fileBytes}. "
                    + "The archive was cut off: copy or download it again.");
        }
        return entries;
    }

    private static string Folder(string path, Dictionary<string, ZipArchiveEntry> entries)
    {
        string[] folders = [.. entries.Keys.Where(name => name.IndexOf('/', StringComparison.Ordinal) == name.Length - PickleName.Length
            && name.EndsWith(PickleName, StringComparison.Ordinal)).Select(name => name[..^PickleName.Length])];
        if (folders.Length == 1)
            return folders[0];
        string some = string.Join(", ", entries.Keys.Take(5).Select(ForeignFormat.Quote));
        throw new InvalidDataException($"{path}: is a ZIP archive with {folders.Length} entries NAME/data.pkl among {entries.Count} ({some}), expected one, as torch.save "
            + "writes it. If it holds a checkpoint, unpack that first.");
    }

    private static void CheckByteOrder(string path, Dictionary<string, ZipArchiveEntry> entries, string folder)
    {
        if (!entries.TryGetValue(folder + "/byteorder", out ZipArchiveEntry? entry))
            return;
        using Stream stream = OpenEntry(path, entry);
        byte[] text = new byte[16];
        int length;
        try
        {
            length = stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path}: {Name(entry)} is damaged ({e.Message}). Copy or download it again.", e);
        }
        if (!text.AsSpan(0, length).SequenceEqual("little"u8))
            throw new InvalidDataException($"{path}: {Name(entry)} says {ForeignFormat.Quote(Encoding.Latin1.GetString(text, 0, length))}, expected 'little'. "
                + "Load and save it on a little-endian machine.");
    }

    // A deflated pickle of names and shapes shrinks to a tenth or so; what unfolds to much more is a trap.
    private static long PickleBytes(string path, ZipArchiveEntry entry)
    {
        long limit = (1 << 20) + 8 * Math.Min(entry.CompressedLength, PickleReader.MaxBytes);
        return entry.Length <= entry.CompressedLength || entry.Length <= limit ? entry.Length
            : throw new InvalidDataException($"{path}: {Name(entry)} unfolds {entry.CompressedLength} bytes to {entry.Length}, expected at most {limit} for names and shapes. "
                + "It is made to exhaust memory, or no checkpoint.");
    }

    private static PickleStorage Storage(string path, Dictionary<string, ZipArchiveEntry> entries, string folder, Dictionary<string, PickleStorage> known, StorageReference reference)
    {
        if (known.TryGetValue(reference.Key, out PickleStorage? storage))
            return storage.Type == reference.Type && storage.Bytes == reference.Bytes ? storage
                : throw new InvalidDataException($"{path}: declares the storage {ForeignFormat.Quote(reference.Key)} as {reference.Bytes} bytes of {reference.Type} after "
                    + $"{storage.Bytes} of {storage.Type}. Expected one size and type; the file is damaged.");
        if (reference.View is not null)
            throw new InvalidDataException($"{path}: the storage {ForeignFormat.Quote(reference.Key)} is a part of another, which this format does not have. The file is damaged.");
        string name = StorageName(folder, reference.Key);
        if (!entries.TryGetValue(name, out ZipArchiveEntry? entry))
            throw new InvalidDataException($"{path}: has no entry {ForeignFormat.Quote(name)}, which its pickle refers to. The archive is incomplete: copy or download it again.");
        long held = Math.Min(entry.Length, entry.CompressedLength * DeflateLimit);
        if (reference.Bytes > held)
            throw new InvalidDataException($"{path}: {Name(entry)} has {held} bytes, its pickle declares {reference.Bytes}. The archive is damaged: copy or download it again.");
        storage = new PickleStorage(reference.Key, reference.Type, 0, reference.Bytes);
        known.Add(reference.Key, storage);
        return storage;
    }

    private static string StorageName(string folder, string key) => $"{folder}/data/{key}";

    private static string Name(ZipArchiveEntry entry) => ForeignFormat.Quote(entry.FullName);

    private static Stream OpenEntry(string path, ZipArchiveEntry entry)
    {
        if (entry.IsEncrypted)
            throw new InvalidDataException($"{path}: {Name(entry)} is encrypted. Unpack it with its password and save it again.");
        try
        {
            return entry.Open();
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw new InvalidDataException($"{path}: {Name(entry)} cannot be opened ({e.Message}). The archive is damaged: copy or download it again.", e);
        }
    }

    // What System.IO.Compression throws at archives that lie about themselves.
    private static bool IsDamage(Exception e) => e is InvalidDataException or EndOfStreamException or ArgumentException or OverflowException or NotSupportedException;
}
