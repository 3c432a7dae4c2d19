using System.Reflection;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>
/// Downloads checkpoints: goes on where an interrupted download ended, checks size, format and SHA-256, and gives the file its name only then.
/// Nothing else in the library uses the network. Thread-safe; a second download of the same checkpoint into the same folder, in this process
/// or another, fails at once.
/// </summary>
public sealed class Downloader : IDisposable
{
    private readonly HttpClient client;
    private readonly bool ownsClient;
    private readonly DownloadOptions options;
    private readonly TimeProvider time;
    private readonly Func<string, long?> freeSpace;

    /// <summary>With an HTTP client of its own, which takes a proxy from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY or the system.</summary>
    /// <param name="options">How patient it is; null for the defaults.</param>
    public Downloader(DownloadOptions? options = null)
        : this(CreateClient(), ownsClient: true, options, TimeProvider.System, FreeSpace)
    {
    }

    /// <summary>With the caller's HTTP client, for its proxy, certificates or headers. It is not disposed.</summary>
    /// <param name="client">Its <see cref="HttpClient.Timeout"/> applies until an answer begins.</param>
    /// <param name="options">How patient the download is; null for the defaults.</param>
    public Downloader(HttpClient client, DownloadOptions? options = null)
        : this(client, ownsClient: false, options, TimeProvider.System, FreeSpace)
    {
    }

    /// <summary>With another clock and another disk, for tests.</summary>
    internal Downloader(HttpClient client, bool ownsClient, DownloadOptions? options, TimeProvider time, Func<string, long?> freeSpace)
    {
        ArgumentNullException.ThrowIfNull(client);
        this.client = client;
        this.ownsClient = ownsClient;
        this.options = options ?? new();
        this.time = time;
        this.freeSpace = freeSpace;
        ArgumentOutOfRangeException.ThrowIfLessThan(this.options.Attempts, 1, nameof(options));
    }

    /// <summary>Where the bytes of an unfinished download lie until the same download goes on from them.</summary>
    public static string PartialPath(ManifestEntry entry, string folder)
    {
        ArgumentNullException.ThrowIfNull(entry);
        return PartialFile.PathFor(Path.Combine(Path.GetFullPath(folder), entry.FileName));
    }

    /// <summary>Downloads a checkpoint to FOLDER/NAME.safetensors or FOLDER/NAME.pt, or checks the file that is there already.</summary>
    /// <param name="entry">From <see cref="WeightsManifest"/>, or <see cref="ManifestEntry.FromUrl"/>.</param>
    /// <param name="folder">Where to; created if it is not there.</param>
    /// <param name="progress">Told a few times a second, from the thread that works.</param>
    /// <param name="cancellation">Ends the download; what has arrived is kept.</param>
    /// <exception cref="DownloadException">The message says what happened, what was kept, and how to do it by hand.</exception>
    /// <exception cref="ArgumentException">The entry cannot be.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Task<DownloadedFile> DownloadAsync(ManifestEntry entry, string folder, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        entry.Validate();
        // Hashing gigabytes is no work for the caller's thread.
        return Task.Run(() => GuardedAsync(entry, Path.GetFullPath(folder), progress, cancellation), cancellation);
    }

    /// <summary>Disposes the HTTP client, if it is the downloader's own.</summary>
    public void Dispose()
    {
        if (ownsClient)
            client.Dispose();
    }

    private async Task<DownloadedFile> GuardedAsync(ManifestEntry entry, string folder, IProgress<DownloadProgress>? progress, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, entry.FileName);
        try
        {
            return await RunAsync(entry, folder, path, progress, cancellation).ConfigureAwait(false);
        }
        catch (DownloadException e) when (e.Failure is not (DownloadFailure.Busy or DownloadFailure.Disk))
        {
            string byHand = File.Exists(path) ? "" : $" By hand: download {entry.Url}, put it at {path}, and run this again to check it.";
            throw new DownloadException(e.Failure, $"{entry.Name}: {e.Message.TrimEnd('.')}.{byHand}", e.InnerException);
        }
        catch (Exception e) when (e is not DownloadException && e is IOException or UnauthorizedAccessException)
        {
            throw new DownloadException(DownloadFailure.Disk,
                $"{entry.Name}: {path} could not be written ({e.Message.TrimEnd('.')}). Free disk space or choose another folder; what had arrived is kept.", e);
        }
    }

    private async Task<DownloadedFile> RunAsync(ManifestEntry entry, string folder, string path, IProgress<DownloadProgress>? progress, CancellationToken cancellation)
    {
        if (entry.Url.Scheme == "http" && !entry.Url.IsLoopback && entry.Sha256?.Length != ManifestEntry.HashDigits)
            throw new DownloadException(DownloadFailure.UnsafeUrl,
                $"{entry.Url} is plain http, which anyone on the way can change. Use https, or give all {ManifestEntry.HashDigits} digits of the file's SHA-256");
        Directory.CreateDirectory(folder);
        string recordPath = DownloadRecord.PathFor(folder, entry.Name);
        DownloadRecord? record = DownloadRecord.Read(recordPath);
        if (File.Exists(path))
            return CheckExisting(entry, path, record, recordPath, progress, cancellation);
        using PartialFile part = PartialFile.Open(path);
        // Another download may have finished between the two lines above.
        if (File.Exists(path))
            return CheckExisting(entry, path, record, recordPath, progress, cancellation);
        part.Resume(entry.Url.AbsoluteUri, (done, total) => progress?.Report(new(DownloadStage.Checking, done, total, 0)), cancellation);
        var transfer = new Transfer(new HttpSource(client, options), options, time, freeSpace, entry, part, folder, progress);
        await transfer.RunAsync(cancellation).ConfigureAwait(false);
        HashCheck check = CheckArrived(part, entry, path, record, recordPath, out string hash);
        long bytes = part.Length;
        part.Place();
        JsonFile.Write(recordPath, new DownloadRecord(entry.Name, entry.Url.AbsoluteUri, bytes, hash, time.GetUtcNow().UtcDateTime));
        return new(path, bytes, hash, check, recordPath, AlreadyThere: false, transfer.ResumedFrom) { Config = WriteConfig(entry, path) };
    }

    // A wrong file is deleted: to go on from it would give the same wrong file, and one that lies about might be used.
    private static HashCheck CheckArrived(PartialFile part, ManifestEntry entry, string path, DownloadRecord? record, string recordPath, out string hash)
    {
        hash = part.Hash();
        HashCheck check = HashVerdict.Of(hash, entry, record, recordPath, out string? problem);
        DownloadFailure failure = DownloadFailure.WrongHash;
        if (problem is null && part.Problem(entry.Format) is { } wrong)
            (problem, failure) = (wrong, DownloadFailure.WrongContent);
        if (problem is null)
            return check;
        part.Delete();
        throw new DownloadException(failure, $"what arrived is not the file: {problem.Replace(path + ": ", "", StringComparison.Ordinal).TrimEnd('.')}. It was deleted");
    }

    private DownloadedFile CheckExisting(ManifestEntry entry, string path, DownloadRecord? record, string recordPath, IProgress<DownloadProgress>? progress,
        CancellationToken cancellation)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16);
        long bytes = stream.Length;
        if (entry.Bytes is { } expected && bytes != expected)
            throw Other(DownloadFailure.WrongSize, $"it has {bytes} bytes, expected {expected}");
        string hash = StreamHash.Compute(stream, done => progress?.Report(new(DownloadStage.Checking, done, bytes, 0)), cancellation);
        HashCheck check = HashVerdict.Of(hash, entry, record, recordPath, out string? problem);
        if (problem is not null)
            throw Other(DownloadFailure.WrongHash, problem);
        if (ContentCheck.Problem(stream, path, entry.Format) is { } wrong)
            throw Other(DownloadFailure.WrongContent, wrong);
        // Put there by hand: from now on it is known.
        if (record is null)
            JsonFile.Write(recordPath, new DownloadRecord(entry.Name, entry.Url.AbsoluteUri, bytes, hash, time.GetUtcNow().UtcDateTime));
        return new(path, bytes, hash, check, recordPath, AlreadyThere: true, ResumedFrom: 0) { Config = WriteConfig(entry, path) };

        DownloadException Other(DownloadFailure failure, string what) =>
            new(failure, $"{path} is there already but is not the file: {what.Replace(path + ": ", "", StringComparison.Ordinal).TrimEnd('.')}. Move it away or delete it, then run this again");
    }

    // Sizes follow from tensors, the activation does not, and a wrong one gives plausible nonsense.
    private static string? WriteConfig(ManifestEntry entry, string path)
    {
        if (entry.Format != ManifestFormat.Safetensors || entry.Config is not { } config)
            return null;
        string beside = ClipConfigInference.SidecarName(path);
        if (File.Exists(beside))
            return null;
        JsonFile.WriteText(beside, config.ToJson());
        return beside;
    }

    private static HttpClient CreateClient()
    {
        var handler = new SocketsHttpHandler
        {
            // Followed by hand: each must be safe.
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
        };
        var created = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        string version = typeof(Downloader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        created.DefaultRequestHeaders.UserAgent.Add(new("AnoPLe.Gpu", version));
        return created;
    }

    // Null where the system does not say, such as on network shares under Windows.
    private static long? FreeSpace(string folder)
    {
        try
        {
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(folder)! : folder).AvailableFreeSpace;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
