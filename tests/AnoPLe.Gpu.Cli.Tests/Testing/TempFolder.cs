namespace AnoPLe.Gpu.Cli.Tests.Testing;

/// <summary>A new folder that is deleted with everything in it.</summary>
internal sealed class TempFolder : IDisposable
{
    /// <summary>Its full path.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("anople-test-").FullName;

    /// <summary>A path in it.</summary>
    public string this[params string[] parts] => Path.Combine([Root, .. parts]);

    /// <summary>All files below, as paths relative to it with forward slashes, in ordinal order.</summary>
    public IReadOnlyList<string> Files(string below = "") =>
        [.. Directory.EnumerateFiles(this[below], "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
