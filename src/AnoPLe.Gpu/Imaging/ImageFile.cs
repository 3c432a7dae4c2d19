namespace AnoPLe.Gpu.Imaging;

/// <summary>Whole image files to and from disk and streams, with a limit on what is read and no half-written file left behind.</summary>
internal static class ImageFile
{
    // Far above any photograph; keeps a wrong path (a video, a disk image, an endless device) from filling the memory.
    private const long MaxBytes = 1L << 30;

    public static byte[] Read(string path)
    {
        if (Directory.Exists(path))
            throw new FileNotFoundException($"{path}: is a folder, expected an image file.", path);
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: no such image file.", path);
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        return Read(file, path);
    }

    public static byte[] Read(Stream stream, string name)
    {
        long expected = stream.CanSeek ? stream.Length - stream.Position : 0;
        if (expected > MaxBytes)
            throw TooLong(name, expected);
        using MemoryStream bytes = new((int)Math.Max(expected, 0));
        byte[] chunk = new byte[81920];
        for (int read = stream.Read(chunk); read > 0; read = stream.Read(chunk))
        {
            bytes.Write(chunk, 0, read);
            if (bytes.Length > MaxBytes)
                throw TooLong(name, bytes.Length);
        }
        return bytes.Length == bytes.Capacity ? bytes.GetBuffer() : bytes.ToArray();
    }

    public static void Write(string path, byte[] content)
    {
        string full = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(full) ?? throw new DirectoryNotFoundException($"{path}: names a root folder, expected a file.");
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"{path}: the folder {folder} does not exist. Create it first.");
        string temporary = Path.Combine(folder, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e)
        {
            File.Delete(temporary);
            if (e is IOException)
                throw new IOException($"{path}: could not be written ({e.Message.TrimEnd('.')}). Free disk space or choose another folder; nothing half-written was left.", e);
            throw;
        }
    }

    private static InvalidDataException TooLong(string name, long bytes) =>
        new($"{name}: {bytes >> 20} MiB and more is no image file that can be read (limit {MaxBytes >> 20} MiB).");
}
