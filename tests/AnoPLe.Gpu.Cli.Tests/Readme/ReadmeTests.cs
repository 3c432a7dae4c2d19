using System.Text.RegularExpressions;
using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Tests;

namespace AnoPLe.Gpu.Cli.Tests.Readme;

/// <summary>Runs every shell command of README.md, in order, in one folder, as a reader would; a line that nothing here knows how to run fails.</summary>
public sealed partial class ReadmeTests(SmallData data)
{
    private const string Prefix = "dotnet run -c Release --project src/AnoPLe.Gpu.Cli --";
    private const string TestCommand = "dotnet test -c Release";

    [Fact]
    public async Task Every_shell_command_runs()
    {
        using var folder = new TempFolder();
        // The reader's own model.
        File.Copy(data.Weights, folder["clip.safetensors"]);
        int commands = 0;
        foreach (var block in ReadmeFile.Blocks.Where(block => block.Language == "sh"))
            foreach (string line in block.Lines)
            {
                if (line == TestCommand || line == $"anople() {{ {Prefix} \"$@\"; }}")
                    continue;
                string? arguments = line.StartsWith(Prefix + " ", StringComparison.Ordinal) ? line[(Prefix.Length + 1)..]
                    : line.StartsWith("anople ", StringComparison.Ordinal) ? line["anople ".Length..]
                    : null;
                Assert.True(arguments is not null, $"README.md: no test runs '{line}' (block of line {block.Line}).");
                var result = await Anople.RunProcess(folder.Root, arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
                Assert.True(result.ExitCode == 0, $"README.md: '{line}' ended with {result.ExitCode}.\n{result.Out}\n{result.Error}");
                commands++;
            }
        Assert.True(commands >= 15, $"Only {commands} commands were found.");
        // What the text promises about them.
        IReadOnlyList<string> files = folder.Files();
        foreach (string promised in new[] { "anople-demo/heatmaps/fabric/", "fabric.anople", "maps/000.png", "results/results.json", "results/results.csv", "results/heatmaps/", "trained.anople",
            "fabric.checkpoint", "sheet.png", "both.anople", "losses.svg", "compared/losses/", "ablation/results.json", "anople-demo/losses/" })
            Assert.Contains(files, path => path.StartsWith(promised, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_block_has_a_runner()
        => Assert.All(ReadmeFile.Blocks, block => Assert.True(block.Language is "sh" or "csharp", $"README.md: no test runs the '{block.Language}' block of line {block.Line}."));

    [Fact]
    public void The_tests_are_run_by_the_same_command_in_continuous_integration()
    {
        Assert.Contains(ReadmeFile.Blocks, block => block.Lines.Contains(TestCommand));
        Assert.Contains($"\n{TestCommand} ", File.ReadAllText(Repository.Path(".ci", "run")), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_link_into_the_repository_leads_somewhere()
    {
        string[] links = [.. Links().Matches(ReadmeFile.Text).Select(match => match.Groups[1].Value).Where(link => !link.Contains("://", StringComparison.Ordinal))];
        Assert.NotEmpty(links);
        foreach (string link in links)
            Assert.True(Path.Exists(Repository.Path(link.Split('/'))), $"README.md links to {link}, which does not exist.");
    }

    [GeneratedRegex(@"\]\(([^)#]+)")]
    private static partial Regex Links();
}
