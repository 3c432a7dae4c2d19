using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class UsageTests
{
    [Theory]
    [InlineData("", "command")]
    [InlineData("explode", "explode")]
    [InlineData("demo --shots 0", "--shots")]
    [InlineData("demo --shots many", "--shots")]
    [InlineData("demo --seed -1", "--seed")]
    [InlineData("demo --threads -1", "--threads")]
    [InlineData("demo extra", "extra")]
    [InlineData("fit a.png --class x --out y", "--weights")]
    [InlineData("fit a.png --weights w --out y", "--class")]
    [InlineData("fit a.png --weights w --class x", "--out")]
    [InlineData("fit --weights w --class x --out y", "images")]
    [InlineData("fit a.png --weights w --class x --out y --threshold NaN", "--threshold")]
    [InlineData("score --weights w", "detector")]
    [InlineData("score d.anople --weights w", "images")]
    [InlineData("eval data --weights w --shots 1,,2", "--shots")]
    [InlineData("eval data --weights w --shots 1,x", "--shots")]
    [InlineData("eval data --weights w --seeds 0", "--seeds")]
    [InlineData("eval data --weights w --heatmaps", "--out")]
    [InlineData("fit a.png --weights w --class x --out y --shot 4", "--shot")]
    [InlineData("eval --wieghts w", "--wieghts")]
    [InlineData("weights", "command")]
    [InlineData("weights init --config tiny", "--out")]
    [InlineData("weights init --config tiny --out f --type f8", "f8")]
    [InlineData("weights inspect", "file")]
    public async Task Bad_usage_ends_with_2_names_the_culprit_and_points_to_the_help(string line, string culprit)
    {
        var result = await Anople.Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Out);
        Assert.Contains(culprit, result.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Matches("See: anople.* --help", result.Error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("demo")]
    [InlineData("fit")]
    [InlineData("score")]
    [InlineData("eval")]
    [InlineData("weights init")]
    [InlineData("weights inspect")]
    [InlineData("doctor")]
    public async Task Every_command_has_help_with_examples_that_parse(string command)
    {
        var result = (await Anople.Run([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"])).Fine();
        string[] lines = result.Out.Split('\n');
        string[] examples = [.. lines.SkipWhile(text => !text.StartsWith("Examples:", StringComparison.Ordinal)).Skip(1).Select(text => text.Trim()).Where(text => text.Length > 0)];
        Assert.NotEmpty(examples);
        foreach (string example in examples)
        {
            Assert.StartsWith("anople " + command, example, StringComparison.Ordinal);
            // The help of an example's command is shown only if the rest of the line parses.
            var parsed = await Anople.Run([.. example.Split(' ')[1..], "--no-such-option"]);
            string error = Assert.Single(parsed.Error.Split('\n'), text => text.StartsWith("error:", StringComparison.Ordinal));
            Assert.Contains("--no-such-option", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_version_is_one_line()
    {
        var result = (await Anople.Run("--version")).Fine();
        Assert.Matches(@"^anople \d+\.\d+\.\d+\r?\n$", result.Out);
    }

    [Fact]
    public async Task The_program_passes_its_arguments_and_exit_code_through()
    {
        using var folder = new TempFolder();
        var version = await Anople.RunProcess(folder.Root, "--version");
        Assert.Equal((0, ""), (version.ExitCode, version.Error));
        Assert.Equal((await Anople.Run("--version")).Out, version.Out);
        Assert.Equal(2, (await Anople.RunProcess(folder.Root, "explode")).ExitCode);
        Assert.Equal(1, (await Anople.RunProcess(folder.Root, "weights", "inspect", "missing.safetensors")).ExitCode);
    }
}
