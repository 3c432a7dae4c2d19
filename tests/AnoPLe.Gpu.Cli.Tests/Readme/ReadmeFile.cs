using AnoPLe.Gpu.Tests;

namespace AnoPLe.Gpu.Cli.Tests.Readme;

/// <summary>A fenced block of README.md.</summary>
internal sealed record ReadmeBlock(int Line, string Language, IReadOnlyList<string> Lines);

/// <summary>README.md, taken apart.</summary>
internal static class ReadmeFile
{
    public static string Text { get; } = File.ReadAllText(Repository.Path("README.md"));

    /// <summary>All fenced blocks in order.</summary>
    public static IReadOnlyList<ReadmeBlock> Blocks { get; } = Read();

    private static List<ReadmeBlock> Read()
    {
        List<ReadmeBlock> blocks = [];
        string[] lines = Text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```", StringComparison.Ordinal))
                continue;
            int first = i + 1;
            while (!lines[++i].StartsWith("```", StringComparison.Ordinal))
            {
            }
            blocks.Add(new(first, lines[first - 1][3..].Trim(), lines[first..i]));
        }
        return blocks;
    }
}
