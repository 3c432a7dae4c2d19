using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>What a partial file belongs to: NAME.part.json beside NAME.part.</summary>
/// <param name="Url">The address that was asked for, before redirects.</param>
/// <param name="ETag">The strong entity tag of the answer, with its quotes, or null.</param>
/// <param name="LastModified">Its date as the server wrote it, RFC 1123, or null.</param>
/// <param name="Total">Size of the whole file, or null.</param>
/// <param name="Flushed">How many bytes are known to be on the disk itself; what lies behind them may be lost or garbage after a power cut.</param>
internal sealed record PartState(string Url, string? ETag, string? LastModified, long? Total, long Flushed)
{
    /// <summary>What If-Range takes, or null: without it nobody can say whether the rest would fit the beginning.</summary>
    public RangeConditionHeaderValue? Condition =>
        ETag is not null && EntityTagHeaderValue.TryParse(ETag, out var tag) && !tag.IsWeak ? new(tag)
        : LastModified is not null && DateTimeOffset.TryParse(LastModified, System.Globalization.CultureInfo.InvariantCulture, out var date) ? new(date)
        : null;

    /// <summary>What an answer says about the file.</summary>
    public static PartState Of(string url, HttpResponseMessage response) => new(url,
        response.Headers.ETag is { IsWeak: false } tag ? tag.ToString() : null,
        response.Content.Headers.LastModified?.ToString("R"), response.Content.Headers.ContentLength, 0);
}

/// <summary>
/// The bytes that have arrived so far, FILE.part, and their hash. Held open for this process alone until it is renamed, so that it is the lock
/// against a second download, too. Whatever ends the work, it stays, and a later one goes on from it.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    private const long CheckpointBytes = 64L << 20;

    private readonly string target, path, statePath;
    private readonly FileStream stream;
    private IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private PartState? state;
    private bool closed;

    private PartialFile(string target, string path, FileStream stream)
    {
        this.target = target;
        this.path = path;
        this.stream = stream;
        statePath = path + ".json";
    }

    /// <summary>Bytes so far.</summary>
    public long Length { get; private set; }

    /// <summary>What they belong to, or null when there are none.</summary>
    public PartState? State => state;

    /// <summary>Where the bytes of an unfinished download lie.</summary>
    public static string PathFor(string target) => target + ".part";

    /// <summary>Opens or creates it.</summary>
    /// <exception cref="DownloadException">Another download holds it, or it cannot be written.</exception>
    public static PartialFile Open(string target)
    {
        string path = PathFor(target);
        if (Directory.Exists(path) || Directory.Exists(target))
            throw new DownloadException(DownloadFailure.Disk, $"{(Directory.Exists(target) ? target : path)} is a folder, expected a file or nothing. Move it away.");
        try
        {
            return new(target, path, new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1 << 16));
        }
        catch (Exception e) when (e is UnauthorizedAccessException)
        {
            throw new DownloadException(DownloadFailure.Disk, $"{path}: cannot be written ({e.Message.TrimEnd('.')}). Choose another folder.", e);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new DownloadException(DownloadFailure.Busy,
                $"{path} is in use: another download of it seems to be running. Wait for it, or end it, and run this again.", e);
        }
    }

    /// <summary>Takes over what an earlier download left, if it is of the same address and can be continued; hashes it. Else begins at nothing.</summary>
    public void Resume(string url, Action<long, long> progress, CancellationToken cancellation)
    {
        state = ReadState();
        long length = Math.Min(stream.Length, state?.Flushed ?? 0);
        if (state is null || state.Url != url || state.Condition is null || length > (state.Total ?? long.MaxValue) || length == 0)
        {
            Reset();
            return;
        }
        stream.SetLength(length);
        stream.Position = 0;
        byte[] buffer = new byte[1 << 18];
        for (long done = 0; done < length;)
        {
            cancellation.ThrowIfCancellationRequested();
            int read = stream.Read(buffer);
            hash.AppendData(buffer, 0, read);
            progress(done += read, length);
        }
        Length = length;
    }

    /// <summary>Begins at nothing with what an answer says about the file.</summary>
    public void Begin(PartState of)
    {
        Reset();
        state = of;
    }

    /// <summary>Drops all bytes.</summary>
    public void Reset()
    {
        hash.Dispose();
        hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        stream.SetLength(0);
        stream.Position = 0;
        Length = 0;
        state = null;
        File.Delete(statePath);
    }

    /// <summary>Appends.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        hash.AppendData(bytes);
        Length += bytes.Length;
        if (Length - state!.Flushed >= CheckpointBytes)
            Checkpoint();
    }

    /// <summary>Brings everything onto the disk, then writes down that it is there.</summary>
    public void Checkpoint()
    {
        if (state is null || Length == 0 || state.Flushed == Length)
            return;
        stream.Flush(flushToDisk: true);
        state = state with { Flushed = Length };
        JsonFile.Write(statePath, state);
    }

    /// <summary>SHA-256 of all bytes so far, as lower-case hex digits.</summary>
    public string Hash() => Convert.ToHexStringLower(hash.GetCurrentHash());

    /// <summary>What is wrong with the whole file, or null.</summary>
    public string? Problem(ManifestFormat format) => ContentCheck.Problem(stream, target, format);

    /// <summary>Flushes and gives the file its name; nothing of the partial one stays.</summary>
    public void Place()
    {
        stream.Flush(flushToDisk: true);
        // Windows does not rename an open file; elsewhere the lock is held until it has its name.
        if (OperatingSystem.IsWindows())
            stream.Dispose();
        File.Move(path, target, overwrite: false);
        closed = true;
        stream.Dispose();
        File.Delete(statePath);
    }

    /// <summary>Deletes the bytes: they are wrong.</summary>
    public void Delete()
    {
        closed = true;
        File.Delete(statePath);
        if (OperatingSystem.IsWindows())
            stream.Dispose();
        File.Delete(path);
        stream.Dispose();
    }

    /// <summary>Keeps what is there for the next time.</summary>
    public void Dispose()
    {
        if (!closed)
        {
            if (Length == 0)
                Delete();
            else
            {
                try
                {
                    Checkpoint();
                }
                catch (IOException)
                {
                    // A full disk: the earlier checkpoint stands, and why the download ended is being reported already.
                }
            }
        }
        closed = true;
        CloseQuietly();
        hash.Dispose();
    }

    private void CloseQuietly()
    {
        try
        {
            stream.Dispose();
        }
        catch (IOException)
        {
            // As above: buffered bytes that do not fit on the disk are behind the last checkpoint.
        }
    }

    private PartState? ReadState()
    {
        try
        {
            return JsonFile.Read<PartState>(statePath);
        }
        catch (JsonException)
        {
            // Not ours, or damaged: the bytes belong to nothing known, and the download begins anew.
            return null;
        }
    }
}
