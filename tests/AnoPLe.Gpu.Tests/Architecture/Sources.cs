namespace AnoPLe.Gpu.Tests.Architecture;

/// <summary>The repository's own files, without what builds and runs leave behind.</summary>
internal static class Sources
{
    private static readonly string[] Skipped = ["bin", "obj", "artifacts", "TestResults", "BenchmarkDotNet.Artifacts", "anople-demo"];

    /// <summary>Full paths below a folder of the repository that end like this; at least one, so that no check passes on nothing.</summary>
    public static IReadOnlyList<string> Files(string folder, string ending = ".cs")
    {
        List<string> found = [];
        Collect(Repository.Path(folder), ending, found);
        Assert.True(found.Count > 0, $"No file *{ending} below {folder}.");
        return found;
    }

    /// <summary>The lines a pattern is found in, as "file:line: text".</summary>
    public static IEnumerable<string> Lines(IEnumerable<string> files, Func<string, bool> matches) =>
        files.SelectMany(file => File.ReadLines(file).Select((text, i) => (text, i)).Where(line => matches(line.text))
            .Select(line => $"{Path.GetRelativePath(Repository.Root, file)}:{line.i + 1}: {line.text.Trim()}"));

    private static void Collect(string folder, string ending, List<string> found)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*" + ending).Order(StringComparer.Ordinal))
            found.Add(file);
        foreach (string sub in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
            if (Path.GetFileName(sub) is var name && name[0] != '.' && !Skipped.Contains(name))
                Collect(sub, ending, found);
    }
}
