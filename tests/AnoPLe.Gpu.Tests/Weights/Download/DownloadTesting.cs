using System.Security.Cryptography;
using AnoPLe.Gpu.Weights.Download;

namespace AnoPLe.Gpu.Tests.Weights.Download;

/// <summary>A folder, a file that looks like a checkpoint, and impatient options.</summary>
internal sealed class DownloadTesting : IDisposable
{
    public const string ETag = "\"v1\"";

    private readonly TemporaryFolder folder = new();

    /// <summary>Where downloads go; not there at first.</summary>
    public string Folder => folder["weights"];

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>Long enough for a test never to reach it by accident.</summary>
    public static DownloadOptions Options { get; } = new() { StallTimeout = TimeSpan.FromSeconds(30), FirstDelay = TimeSpan.FromMilliseconds(1), Attempts = 3 };

    /// <summary>Bytes that begin and end as a ZIP archive does, different by seed.</summary>
    public static byte[] Checkpoint(int bytes = 100_000, int seed = 0)
    {
        byte[] content = new byte[bytes];
        new Random(seed).NextBytes(content);
        "PK\x03\x04"u8.CopyTo(content);
        "PK\x05\x06"u8.CopyTo(content.AsSpan(bytes - 22));
        return content;
    }

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static ManifestEntry Entry(FileServer server, string? sha256 = null, string path = "/model.pt") =>
        new() { Name = "model", Format = ManifestFormat.PyTorch, Url = server.Url(path), Sha256 = sha256 };

    /// <summary>A download with a downloader of its own, as a new process makes it.</summary>
    public async Task<DownloadedFile> Run(ManifestEntry entry, DownloadOptions? options = null, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var downloader = new Downloader(options ?? Options);
        return await downloader.DownloadAsync(entry, Folder, progress, cancellation);
    }

    /// <summary>The same, which must fail; the message must be one line and hold these parts.</summary>
    public async Task<DownloadException> Fails(DownloadFailure failure, ManifestEntry entry, DownloadOptions? options, params string[] parts)
    {
        var e = await Assert.ThrowsAsync<DownloadException>(() => Run(entry, options));
        Assert.Equal((failure, ""), (e.Failure, failure == e.Failure ? "" : e.Message));
        Assert.DoesNotContain('\n', e.Message);
        foreach (string part in parts)
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        return e;
    }

    /// <summary>The names of all files in the folder and above it, so that nothing is written elsewhere unseen.</summary>
    public string[] Files() => [.. Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal)];

    public void Dispose() => folder.Dispose();
}

/// <summary>Keeps every report.</summary>
internal sealed class Reports(Action<DownloadProgress>? also = null) : IProgress<DownloadProgress>
{
    public List<DownloadProgress> All { get; } = [];

    public void Report(DownloadProgress value)
    {
        All.Add(value);
        also?.Invoke(value);
    }
}

/// <summary>A client whose answers come from a function instead of a network.</summary>
internal sealed class FakeNetwork(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(answer(request));
}
