namespace AnoPLe.Gpu.Weights.Download;

/// <summary>Why a download failed.</summary>
public enum DownloadFailure
{
    /// <summary>The host's name could not be resolved: no network, or no such host.</summary>
    NameResolution,

    /// <summary>No connection, or it was cut again and again.</summary>
    Connection,

    /// <summary>No secure connection, for instance because of a certificate.</summary>
    Tls,

    /// <summary>The proxy refused: it wants a name and password.</summary>
    Proxy,

    /// <summary>The server does not give the file to everyone (401, 403).</summary>
    Forbidden,

    /// <summary>The file is not there, or no longer (404, 410).</summary>
    NotFound,

    /// <summary>Too many requests (429).</summary>
    TooManyRequests,

    /// <summary>The server has a problem (5xx).</summary>
    Server,

    /// <summary>Another answer of the server that is of no use.</summary>
    UnexpectedAnswer,

    /// <summary>A redirect to an unsafe address, to none, or too many.</summary>
    Redirect,

    /// <summary>No byte for too long.</summary>
    Stalled,

    /// <summary>The size is not the expected one.</summary>
    WrongSize,

    /// <summary>The hash is not the expected one.</summary>
    WrongHash,

    /// <summary>What came is no checkpoint of the expected format.</summary>
    WrongContent,

    /// <summary>Not enough room on the disk, or it cannot be written to.</summary>
    Disk,

    /// <summary>Another download of the same checkpoint into the same folder is running.</summary>
    Busy,

    /// <summary>Plain http without a hash to check against.</summary>
    UnsafeUrl,
}

/// <summary>A download failed; the message says what happened, what was kept, and how to do it by hand.</summary>
public sealed class DownloadException : IOException
{
    internal DownloadException(DownloadFailure failure, string message, Exception? inner = null)
        : base(message, inner) => Failure = failure;

    /// <summary>Why.</summary>
    public DownloadFailure Failure { get; }
}
