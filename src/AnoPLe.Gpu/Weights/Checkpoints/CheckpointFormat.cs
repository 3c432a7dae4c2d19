namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>Which form a file has, by its first bytes.</summary>
internal static class CheckpointFormat
{
    // The magic number of the legacy format, as protocols below 2 write it.
    private static ReadOnlySpan<byte> LegacyText => "L119547037146038801333356L\n."u8;

    /// <summary>Opens a file or folder in the form that it has.</summary>
    public static Checkpoint Open(string path)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Checkpoints are little-endian and are copied as they are; this machine is big-endian.");
        string file = IndexOf(path);
        FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
        bool kept = false;
        try
        {
            if (!stream.CanSeek)
                throw new InvalidDataException($"{path}: is a pipe or device, expected a file on disk, because tensors are read from all over it.");
            Span<byte> start = stackalloc byte[LegacyText.Length];
            start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            stream.Position = 0;
            if (file != path || IsJson(start))
                return ShardedSafetensors.Open(path, file, stream);
            if (IsZip(start) || IsPickle(start))
            {
                Checkpoint torch = IsZip(start) ? TorchZip.Open(path, stream) : TorchLegacy.Open(path, stream);
                kept = true;
                return torch;
            }
        }
        finally
        {
            if (!kept)
                stream.Dispose();
        }
        // Whatever else it is, this says so.
        return new SafetensorsCheckpoint(SafetensorsFile.Open(path));
    }

    /// <summary>The one index in a folder; what is no folder is itself.</summary>
    /// <exception cref="FileNotFoundException">A folder without an index.</exception>
    /// <exception cref="InvalidDataException">A folder with several.</exception>
    public static string IndexOf(string path) => Directory.Exists(path) ? Index(path) : path;

    private static string Index(string folder)
    {
        string[] found = Directory.GetFiles(folder, "*" + ShardedSafetensors.Extension);
        return found.Length switch
        {
            1 => found[0],
            0 => throw new FileNotFoundException($"{folder} is a folder without a *{ShardedSafetensors.Extension}. Name the file of the weights.", folder),
            _ => throw new InvalidDataException($"{folder}: has {found.Length} files *{ShardedSafetensors.Extension}: "
                + $"{string.Join(", ", found.Select(Path.GetFileName).Order(StringComparer.Ordinal).Take(5))}. Name the one to read."),
        };
    }

    private static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8) || start.StartsWith("PK\x05\x06"u8);

    private static bool IsPickle(ReadOnlySpan<byte> start) =>
        start.SequenceEqual(LegacyText) || (start.Length >= 2 && start[0] == 0x80 && start[1] <= 5 && !IsSafetensors(start));

    // A header length below 2^32, then JSON: 640 bytes of it would begin like a pickle.
    private static bool IsSafetensors(ReadOnlySpan<byte> start) =>
        start.Length > 8 && start[8] == (byte)'{' && !start[4..8].ContainsAnyExcept((byte)0);

    // A safetensors header of 123 bytes also begins with '{', and then has zeros.
    private static bool IsJson(ReadOnlySpan<byte> start) =>
        start.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] && !start[..Math.Min(start.Length, 8)].Contains((byte)0);
}
