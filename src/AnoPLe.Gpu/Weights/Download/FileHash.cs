using System.Security.Cryptography;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>SHA-256 of a large file, with progress.</summary>
internal static class FileHash
{
    /// <summary>The hash of everything from here to the end, as lower-case hex digits.</summary>
    public static string Of(Stream stream, Action<long> progress, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 18];
        long done = 0;
        while (stream.Read(buffer) is var read and > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
            progress(done += read);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
