using System.Text;

namespace AnoPLe.Gpu.Cli.Output;

/// <summary>Folders and text files that commands write. A file is whole or not there.</summary>
internal static class OutputFiles
{
    /// <summary>Creates a folder for results, before any work is done that would be lost without it.</summary>
    /// <exception cref="IOException">It cannot be created or written to.</exception>
    public static string Folder(string path)
    {
        string full = Path.GetFullPath(path);
        if (File.Exists(full))
            throw new IOException($"{full} is a file, expected a folder. Name another one for the results.");
        try
        {
            Directory.CreateDirectory(full);
            string probe = Path.Combine(full, $".{Guid.NewGuid():N}.tmp");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Cannot write to the folder {full}: {e.Message} Name another one.", e);
        }
        return full;
    }

    /// <summary>Checks that the folder of a file to be written exists.</summary>
    /// <exception cref="DirectoryNotFoundException">It does not.</exception>
    /// <exception cref="IOException">The path names a folder.</exception>
    public static void RequireFolderOf(string path)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw new IOException($"{full} is a folder, expected the name of a file to write.");
        if (Path.GetDirectoryName(full) is { } folder && !Directory.Exists(folder))
            throw new DirectoryNotFoundException($"The folder {folder} does not exist. Create it, or write {Path.GetFileName(full)} elsewhere.");
    }

    /// <summary>Writes UTF-8 text under a temporary name in the same folder, flushes and renames it.</summary>
    public static void WriteText(string path, string text)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(new UTF8Encoding(false).GetBytes(text));
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            File.Delete(temporary);
            if (e is IOException)
                throw new IOException($"{path}: could not be written ({e.Message.TrimEnd('.')}). Free disk space or choose another folder; nothing half-written was left.", e);
            throw;
        }
    }
}
