using System.Text.Json;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>What came last time, NAME.download.json: what comes next time must be the same.</summary>
/// <param name="Name">The checkpoint's name.</param>
/// <param name="Url">Where it came from.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash, 64 lower-case hex digits.</param>
/// <param name="Date">When, UTC.</param>
internal sealed record DownloadRecord(string Name, string Url, long Bytes, string Sha256, DateTime Date)
{
    /// <summary>Where the record of a checkpoint lies.</summary>
    public static string PathFor(string folder, string name) => Path.Combine(folder, name + ".download.json");

    /// <summary>The record, or null when there is none.</summary>
    /// <exception cref="DownloadException">It is damaged: to go on without it would trust anything.</exception>
    public static DownloadRecord? Read(string path)
    {
        DownloadRecord? record = null;
        Exception? problem = null;
        try
        {
            record = JsonFile.Read<DownloadRecord>(path);
        }
        catch (JsonException e)
        {
            problem = e;
        }
        if (problem is null && record is null or { Sha256.Length: ManifestEntry.HashDigits })
            return record;
        throw new DownloadException(DownloadFailure.WrongContent,
            $"{path} should hold the SHA-256 of an earlier download but cannot be read. Restore it, or delete it to trust what comes now.", problem);
    }
}
