using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>The files that make up a checkpoint: one, or an index and its shards.</summary>
internal sealed class CheckpointFiles
{
    private CheckpointFiles(IReadOnlyList<string> paths) => Paths = paths;

    /// <summary>Their paths: the index first, then the shards in ordinal order.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>Bytes of all.</summary>
    public long Bytes => Paths.Sum(path => new FileInfo(path).Length);

    /// <summary>Finds the files of an opened checkpoint.</summary>
    public static CheckpointFiles Of(Checkpoint checkpoint)
    {
        if (checkpoint is not ShardedSafetensors)
            return new([checkpoint.Path]);
        string index = CheckpointFormat.IndexOf(checkpoint.Path), folder = Path.GetDirectoryName(Path.GetFullPath(index))!;
        using FileStream stream = File.OpenRead(index);
        return new([index, .. ShardIndex.Read(index, stream).Files.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(name => Path.Combine(folder, name))]);
    }

    /// <summary>Whether writing to this path would replace one of them; links are followed.</summary>
    public bool Contains(string path) => Paths.Any(own => string.Equals(Real(own), Real(path),
        OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// SHA-256, in lower-case hex: of the one file; of several, of the text that sha256sum prints for them in the order of
    /// <see cref="Paths"/>, with their names alone.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public string Hash(IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        StageProgress stage = new("hashing the source", Bytes, progress);
        long before = 0;
        List<string> lines = [];
        string one = "";
        foreach (string path in Paths)
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
            one = StreamHash.Compute(stream, bytes => stage.Report(before + bytes), cancellationToken);
            before += stream.Length;
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{one}  {Path.GetFileName(path)}\n"));
        }
        return lines.Count == 1 ? one : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(lines))));
    }

    private static string Real(string path)
    {
        string full = Path.GetFullPath(path);
        return File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full : full;
    }
}
