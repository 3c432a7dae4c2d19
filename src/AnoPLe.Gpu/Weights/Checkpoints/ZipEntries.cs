using System.IO.Compression;
using System.Text;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>A ZIP archive as a table from names to bytes. Names are only ever looked up, never used as paths; sizes are compared with the file's.</summary>
internal sealed class ZipEntries : IDisposable
{
    // Deflate makes at most 1032 bytes of one.
    private const long DeflateLimit = 1032;

    private readonly string path;
    private readonly ZipArchive archive;
    private readonly Dictionary<string, ZipArchiveEntry> entries = new(StringComparer.Ordinal);

    /// <summary>Reads the directory. The stream is this object's if it returns.</summary>
    /// <exception cref="InvalidDataException">A damaged directory, or a name twice.</exception>
    public ZipEntries(string path, FileStream file)
    {
        this.path = path;
        IReadOnlyCollection<ZipArchiveEntry> all;
        try
        {
            archive = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: false, Encoding.UTF8);
            all = archive.Entries;
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Bad(path, $"begins like a ZIP archive but its directory is damaged or cut off ({e.Message.TrimEnd('.')})", "Copy or download it again", e);
        }
        foreach (ZipArchiveEntry entry in all)
        {
            if (!entries.TryAdd(entry.FullName, entry))
                throw Bad(path, $"has the entry {Quote(entry.FullName)} twice");
            if (entry.CompressedLength > file.Length)
                throw Bad(path, $"{Quote(entry.FullName)} declares {entry.CompressedLength} bytes, the whole file has {file.Length}", CutOff);
        }
    }

    /// <summary>All names.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>Whether there is an entry of this name.</summary>
    public bool Contains(string name) => entries.ContainsKey(name);

    /// <summary>Bytes in the archive.</summary>
    public long PackedBytes(string name) => entries[name].CompressedLength;

    /// <summary>Bytes after unpacking, as declared, but no more than the packed ones can give.</summary>
    public long Bytes(string name) => Math.Min(entries[name].Length, entries[name].CompressedLength * DeflateLimit);

    /// <summary>Opens an entry for reading forwards; one that is stored as it is, as PyTorch does, is read where it lies.</summary>
    /// <exception cref="InvalidDataException">Encrypted, compressed in another way, or damaged.</exception>
    public Stream Open(string name)
    {
        ZipArchiveEntry entry = entries[name];
        if (entry.IsEncrypted)
            throw Bad(path, $"{Quote(name)} is encrypted", "Unpack the archive with its password and save the tensors again");
        try
        {
            return entry.Open();
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Bad(path, $"{Quote(name)} cannot be opened ({e.Message.TrimEnd('.')})", Again, e);
        }
    }

    /// <summary>A short text, at most 16 bytes of it.</summary>
    public string ReadText(string name)
    {
        using Stream stream = Open(name);
        byte[] text = new byte[16];
        try
        {
            return Encoding.Latin1.GetString(text, 0, stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false));
        }
        catch (InvalidDataException e)
        {
            throw Bad(path, $"{Quote(name)} is damaged ({e.Message.TrimEnd('.')})", Again, e);
        }
    }

    public void Dispose() => archive.Dispose();

    // What System.IO.Compression throws at archives that lie about themselves.
    private static bool IsDamage(Exception e) =>
        e is InvalidDataException or EndOfStreamException or ArgumentException or OverflowException or NotSupportedException;
}
