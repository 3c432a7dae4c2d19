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
    [InlineData("demo --threads 1025", "0 to 1024")]
    [InlineData("demo --device cuda:0/fp8", "--device")]
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
    [InlineData("eval data --weights w --method guess", "--method")]
    [InlineData("eval data --weights w --ablation --method both", "--method")]
    [InlineData("eval data --weights w --epochs 5", "--epochs")]
    [InlineData("eval data --weights w --method fit --no-memory", "--no-memory")]
    [InlineData("eval data --weights w --method train --views 3", "--views")]
    [InlineData("train a.png --weights w --out y", "--class")]
    [InlineData("train --weights w --class x --out y", "images")]
    [InlineData("train a.png --weights w --class x", "--out")]
    [InlineData("train a.png --weights w --class x --out y --epochs -1", "--epochs")]
    [InlineData("train a.png --weights w --class x --out y --batch 0", "--batch")]
    [InlineData("train a.png --weights w --class x --out y --mode sideways", "--mode")]
    [InlineData("train a.png --weights w --class x --out y --view-mode sideways", "--view-mode")]
    [InlineData("train a.png --weights w --class x --out y --views 2", "--views")]
    [InlineData("train a.png --weights w --class x --out y --depth 0", "--depth")]
    [InlineData("train a.png --weights w --class x --out y --lr fast", "--lr")]
    [InlineData("train a.png --weights w --class x --out y --lr -1", "--lr")]
    [InlineData("train a.png --weights w --class x --out y --w-align NaN", "--w-align")]
    [InlineData("train a.png --weights w --class x --out y --seed -1", "--seed")]
    [InlineData("train a.png --weights w --class x --out y --loss-plot l.png", ".svg")]
    [InlineData("train a.png --weights w --class x --out y --contact-sheet s.jpg", ".png")]
    [InlineData("train a.png --weights w --class x --out y --checkpoint y", "--checkpoint")]
    [InlineData("train a.png --weights w --class x=b.png --out y", "--class")]
    [InlineData("train --weights w --class x=b.png --class y --out y", "--class")]
    [InlineData("train --weights w --class =b.png --out y", "--class")]
    [InlineData("train a.png --weights w --class x --class y --out y", "--class")]
    [InlineData("trace a.png --weights w --out y", "--class")]
    [InlineData("trace --weights w --class x --out y", "images")]
    [InlineData("trace a.png --weights w --detector d --out y --gradients", "--gradients")]
    [InlineData("trace a.png --weights w --detector d --out y --views 1", "--views")]
    [InlineData("fit a.png --weights w --class x --out y --shot 4", "--shot")]
    [InlineData("fit a.png --weights random:huge:0 --class x --out y", "random:huge:0")]
    [InlineData("fit a.png --weights random:tiny:x --class x --out y", "random:CONFIG")]
    [InlineData("fit a.png --weights random:tiny:0:0 --class x --out y", "random:CONFIG")]
    [InlineData("demo --device banana", "--device")]
    [InlineData("doctor --device cuda:x", "--device")]
    [InlineData("weights init --config enormous --out f", "--config")]
    [InlineData("eval --wieghts w", "--wieghts")]
    [InlineData("weights", "command")]
    [InlineData("weights init --config tiny", "--out")]
    [InlineData("weights init --config tiny --out f --type f8", "f8")]
    [InlineData("weights inspect", "file")]
    [InlineData("weights download", "name")]
    [InlineData("weights download vit-enormous", "laion400m-vit-b-16-plus-240")]
    [InlineData("weights download ../x --url https://example.com/x.pt", "../x")]
    [InlineData("weights download x --url https://example.com/x", ".safetensors")]
    [InlineData("weights download x --url x.pt", "https://")]
    [InlineData("weights download openai-vit-b-32 --sha256 12345", "--sha256")]
    [InlineData("weights download openai-vit-b-32 --sha256 12345678", "--sha256")]
    [InlineData("weights download openai-vit-b-32 --list", "--list")]
    [InlineData("weights convert --out f", "input")]
    [InlineData("weights convert m.pt", "--out")]
    [InlineData("weights convert m.pt --out f --type f64", "f64")]
    [InlineData("weights convert m.pt --out f --activation relu", "relu")]
    [InlineData("weights convert m.pt --out f --config enormous", "--config")]
    [InlineData("weights convert m.pt --out f --raw --type f16", "--type")]
    [InlineData("weights convert m.pt --out f --raw --activation gelu", "--activation")]
    [InlineData("weights convert m.pt --out f --raw --check-vector", "--check-vector")]
    [InlineData("weights convert -quick_gelu m.pt --out f", "-quick_gelu")]
    [InlineData("weights verify", "file")]
    [InlineData("weights verify m.safetensors --device banana", "--device")]
    [InlineData("weights verify m.safetensors --threads -1", "--threads")]
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
    [InlineData("train")]
    [InlineData("trace")]
    [InlineData("score")]
    [InlineData("eval")]
    [InlineData("weights init")]
    [InlineData("weights inspect")]
    [InlineData("weights download")]
    [InlineData("weights convert")]
    [InlineData("weights verify")]
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
    public async Task Defaults_are_shown_as_they_are_written()
    {
        string help = (await Anople.Run("eval", "--help")).Fine().Out;
        Assert.Contains("[default: 1,2,4]", help, StringComparison.Ordinal);
        Assert.Contains("[default: fit]", help, StringComparison.Ordinal);
        Assert.Contains("[default: 0.0001]", help, StringComparison.Ordinal);
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
