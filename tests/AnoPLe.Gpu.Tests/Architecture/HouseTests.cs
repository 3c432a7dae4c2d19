using System.Text.RegularExpressions;

namespace AnoPLe.Gpu.Tests.Architecture;

/// <summary>What holds for the repository as a whole.</summary>
public sealed class HouseTests
{
    private static readonly string[] Folders = ["src", "kernels", "tests", "benchmarks"];

    [Fact]
    public void No_leftovers_and_no_paths_of_one_machine()
    {
        // Spelt in pieces, or this file would find itself.
        Regex forbidden = new($@"\b(TO{""}DO|FIX{""}ME|XX{""}X|HA{""}CK)\b|NotImplemented{""}Exception|(?<![\w.])/(work|ho{""}me|Users)/|(?<![\w.])/tm{""}p/|[A-Z]:\\\\Users");
        Assert.Empty(Sources.Lines(Folders.SelectMany(folder => Sources.Files(folder)), forbidden.IsMatch));
        Assert.Empty(Sources.Lines(Documents(), forbidden.IsMatch));
    }

    [Fact]
    public void Files_hold_one_idea() =>
        Assert.DoesNotContain(Folders.SelectMany(folder => Sources.Files(folder)), file => File.ReadLines(file).Count() > 500);

    [Fact]
    public void Continuous_integration_runs_the_command_of_the_readme()
    {
        string script = File.ReadAllText(Repository.Path(".ci", "run"));
        string command = Regex.Match(script, @"^dotnet test[^<|>]*", RegexOptions.Multiline).Value.Trim();
        Assert.Equal("dotnet test -c Release", command);
        Assert.Contains("passed, %d failed, %d skipped", script, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', script);
        if (!OperatingSystem.IsWindows())
            Assert.True(File.GetUnixFileMode(Repository.Path(".ci", "run")).HasFlag(UnixFileMode.UserExecute), ".ci/run is not executable.");
        string readme = Repository.Path("README.md");
        if (!File.Exists(readme))
            Assert.Skip("No README.md yet.");
        Assert.Contains(command, File.ReadLines(readme).Select(line => line.Trim()));
    }

    private static IEnumerable<string> Documents() =>
        Sources.Files("src", ".md").Concat(Directory.EnumerateFiles(Repository.Root, "*.md")).Append(Repository.Path(".ci", "run"));
}
