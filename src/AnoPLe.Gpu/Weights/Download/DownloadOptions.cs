namespace AnoPLe.Gpu.Weights.Download;

/// <summary>How patient a download is. No limit applies to a whole download, which may take hours on a slow line.</summary>
public sealed record DownloadOptions
{
    /// <summary>Without a byte for so long, an attempt has failed.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Attempts in a row that may fail without a mebibyte of progress; at least 1.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Pause before the second attempt; it doubles with every further one.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause, also when the server asks for a longer one: the download then fails and says when to try again.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Redirects that are followed from one address to the next.</summary>
    public int MaxRedirects { get; init; } = 10;
}
