using System.Security.Cryptography;
using System.Text;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// The SHA-256 of a safetensors file's data in the file's own metadata. The header comes first and must not grow, so it is written with a
/// blank of the same length, which is filled when the data is complete.
/// </summary>
internal sealed class DataSeal : IDisposable
{
    /// <summary>Name in the metadata.</summary>
    public const string Key = "data_sha256";

    /// <summary>What stands there until the hash is known.</summary>
    public static readonly string Blank = new('0', 2 * SHA256.HashSizeInBytes);

    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long position = -1, hashed;

    /// <summary>Finds the blank in a header.</summary>
    public void Locate(ReadOnlySpan<byte> header)
    {
        // With its key: quotes of other texts are escaped, so nothing else looks like this.
        string text = $"\"{Key}\":\"{Blank}\"";
        int start = header.IndexOf(Encoding.ASCII.GetBytes(text));
        position = start + text.Length - 1 - Blank.Length;
    }

    /// <summary>Takes the next bytes of the data.</summary>
    /// <exception cref="InvalidOperationException">They are not the next ones.</exception>
    public void Append(long offset, ReadOnlySpan<byte> bytes)
    {
        if (offset != hashed)
            throw new InvalidOperationException($"Byte {offset} of the data comes after byte {hashed}. Write the tensors of a sealed file in the order of Order.");
        hash.AppendData(bytes);
        hashed += bytes.Length;
    }

    /// <summary>Fills the blank.</summary>
    public void WriteTo(Stream stream)
    {
        stream.Position = position;
        stream.Write(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset())));
    }

    /// <summary>SHA-256, in lower-case hex, of everything after the header of a file.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <param name="progress">Gets the bytes that are hashed so far.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    public static string Compute(string path, Action<long>? progress, CancellationToken cancellationToken)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
        Span<byte> length = stackalloc byte[SafetensorsHeader.LengthBytes];
        stream.ReadExactly(length);
        stream.Position = SafetensorsHeader.LengthBytes + SafetensorsHeader.ReadLength(path, length, stream.Length);
        return StreamHash.Compute(stream, progress, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => hash.Dispose();
}
