using System.Security.Cryptography;

namespace AnoPLe.Gpu.Weights;

/// <summary>SHA-256 of large files, with progress.</summary>
internal static class StreamHash
{
    /// <summary>SHA-256, in lower-case hex, of the rest of a stream.</summary>
    /// <param name="stream">Read to its end.</param>
    /// <param name="progress">Gets the bytes that are hashed so far.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static string Compute(Stream stream, Action<long>? progress, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(1 << 20);
        long done = 0;
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(buffer.AsSpan(0, read));
            progress?.Invoke(done += read);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
