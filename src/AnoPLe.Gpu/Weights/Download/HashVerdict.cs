namespace AnoPLe.Gpu.Weights.Download;

/// <summary>Compares a hash with what is published and with what was recorded.</summary>
internal static class HashVerdict
{
    /// <summary>What the hash agrees with.</summary>
    /// <param name="hash">Of the file, 64 digits.</param>
    /// <param name="entry">Says what is published.</param>
    /// <param name="record">Of an earlier download, or null.</param>
    /// <param name="recordPath">Where that lies.</param>
    /// <param name="problem">What it disagrees with, or null.</param>
    public static HashCheck Of(string hash, ManifestEntry entry, DownloadRecord? record, string recordPath, out string? problem)
    {
        problem = null;
        if (entry.Sha256 is { } published)
        {
            if (!hash.StartsWith(published, StringComparison.Ordinal))
                problem = $"its SHA-256 is {hash}, expected {(published.Length < hash.Length ? "one that begins with " : "")}{published}";
            // All digits are stronger than any record.
            if (problem is not null || published.Length == ManifestEntry.HashDigits)
                return HashCheck.Published;
        }
        if (record is not null && record.Sha256 != hash)
            problem = $"its SHA-256 is {hash}, expected {record.Sha256} as on {record.Date:yyyy-MM-dd}, recorded in {recordPath}. " +
                "If the file was replaced on purpose, delete that record";
        return entry.Sha256 is not null ? HashCheck.PublishedPrefix : record is not null ? HashCheck.Recorded : HashCheck.FirstUse;
    }
}
