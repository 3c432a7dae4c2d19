using System.Buffers.Binary;
using System.Security.Cryptography;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Scoring;

/// <summary>A normal image that a detector was fitted on, as its file records it.</summary>
/// <param name="Name">File name, path within the data set, or "image 0" for pixels handed over.</param>
/// <param name="Sha256">Of the file's bytes, or of width, height (little-endian) and pixels; hexadecimal, lower case.</param>
public sealed record Shot(string Name, string Sha256)
{
    /// <summary>Hashes a file.</summary>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    public static Shot Of(string name, string path)
    {
        using var file = File.OpenRead(path);
        return new Shot(name, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    internal static Shot Of(string path) => Of(Path.GetFileName(path), path);

    internal static Shot Of(RgbImage image, int index)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> size = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(size, image.Width);
        BinaryPrimitives.WriteInt32LittleEndian(size[4..], image.Height);
        hash.AppendData(size);
        hash.AppendData(image.Pixels);
        return new Shot($"image {index}", Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
