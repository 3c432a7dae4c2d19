namespace AnoPLe.Gpu.Weights.Download;

/// <summary>What a download is doing.</summary>
public enum DownloadStage
{
    /// <summary>Reading bytes that are already on the disk, for their hash.</summary>
    Checking,

    /// <summary>Receiving.</summary>
    Downloading,

    /// <summary>Pausing before another attempt; <see cref="DownloadProgress.Note"/> says why.</summary>
    Waiting,
}

/// <summary>How far a download has come.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="Done">Bytes on the disk (checking: bytes read).</param>
/// <param name="Total">Bytes in all, or null when the server does not say.</param>
/// <param name="BytesPerSecond">Over the last seconds; 0 before the first.</param>
public readonly record struct DownloadProgress(DownloadStage Stage, long Done, long? Total, double BytesPerSecond)
{
    /// <summary>Something worth a line, such as why another attempt is made; null otherwise.</summary>
    public string? Note { get; init; }

    /// <summary>Time left at the present rate, or null when it cannot be said.</summary>
    public TimeSpan? Remaining => Total is { } total && BytesPerSecond > 0 && total >= Done && (total - Done) / BytesPerSecond < 8_640_000
        ? TimeSpan.FromSeconds((total - Done) / BytesPerSecond)
        : null;
}
