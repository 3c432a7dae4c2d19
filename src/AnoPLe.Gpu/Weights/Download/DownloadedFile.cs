namespace AnoPLe.Gpu.Weights.Download;

/// <summary>What a file's hash was compared with.</summary>
public enum HashCheck
{
    /// <summary>All 64 digits are known beforehand, and agree.</summary>
    Published,

    /// <summary>The first digits are known beforehand, and agree; so does the record of an earlier download, if there is one.</summary>
    PublishedPrefix,

    /// <summary>No digits are known beforehand; the hash is that of an earlier download, recorded beside the file.</summary>
    Recorded,

    /// <summary>Nothing to compare with: the hash was recorded, and what comes next time must have it.</summary>
    FirstUse,
}

/// <summary>A checkpoint that is on the disk and was checked.</summary>
/// <param name="Path">Full path of the file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash, 64 lower-case hex digits.</param>
/// <param name="Check">What the hash was compared with.</param>
/// <param name="Record">Full path of the record beside it, NAME.download.json.</param>
/// <param name="AlreadyThere">Whether the file was there before, so that nothing was downloaded.</param>
/// <param name="ResumedFrom">How many bytes an interrupted download had left; 0 for none.</param>
public sealed record DownloadedFile(string Path, long Bytes, string Sha256, HashCheck Check, string Record, bool AlreadyThere, long ResumedFrom)
{
    /// <summary>
    /// Full path of the configuration that was written beside a safetensors file, NAME.json, because the file itself does not say which
    /// activation its model has; null when none was needed or one was there.
    /// </summary>
    public string? Config { get; init; }
}
