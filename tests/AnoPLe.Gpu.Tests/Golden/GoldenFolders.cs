namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>
/// Where golden files are: the repository's tests/Golden and, when the environment variable ANOPLE_GOLDEN_DIR names a folder, that
/// folder too. Both are laid out alike: tokenizer.json, preprocess/, bad/, anople/CASE/. Tests discover what is there.
/// </summary>
internal static class GoldenFolders
{
    private static readonly string[] Parts = ["tokenizer.json", "preprocess", "bad", "anople"];

    /// <summary>The environment variable's folder, or null when it is not set.</summary>
    public static string? Extra => Environment.GetEnvironmentVariable("ANOPLE_GOLDEN_DIR") is { Length: > 0 } folder ? folder : null;

    /// <summary>All golden folders that exist. One that is named but missing or empty throws, so that no run passes by finding nothing.</summary>
    public static IReadOnlyList<string> Roots
    {
        get
        {
            List<string> roots = [Repository.Path("tests", "Golden")];
            if (Extra is { } extra)
            {
                if (!Directory.Exists(extra) || !Parts.Any(part => Holds(Path.Combine(extra, part))))
                    throw new DirectoryNotFoundException(
                        $"ANOPLE_GOLDEN_DIR is '{extra}', which is missing or holds none of: {string.Join(", ", Parts)}. Unset it or name a golden folder.");
                roots.Add(extra);
            }
            return roots;
        }
    }

    private static bool Holds(string path) => File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any());

    /// <summary>The file or folder of this name under every root that has it.</summary>
    public static IEnumerable<string> Find(string name) => Roots.Select(root => Path.Combine(root, name)).Where(Path.Exists);

    /// <summary>Every case folder on every one of these backends.</summary>
    public static TheoryData<string, string> CasesOn(TheoryData<string> backends)
    {
        TheoryData<string, string> rows = [];
        foreach (string folder in Cases.Select(row => row.Data))
            foreach (string backend in backends.Select(row => row.Data))
                rows.Add(folder, backend);
        return rows;
    }

    /// <summary>Every case folder below anople/, as theory rows.</summary>
    public static TheoryData<string> Cases => [.. Find("anople").SelectMany(Directory.GetDirectories).Order(StringComparer.Ordinal)];
}
