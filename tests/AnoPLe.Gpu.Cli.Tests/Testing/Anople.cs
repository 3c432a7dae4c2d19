using System.Diagnostics;
using System.Text.Json;

namespace AnoPLe.Gpu.Cli.Tests.Testing;

/// <summary>What a run of the command left.</summary>
internal sealed record CliResult(int ExitCode, string Out, string Error)
{
    /// <summary>stdout as JSON: fails when there is anything else in it.</summary>
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>Fails with what the command said, unless it ended well.</summary>
    public CliResult Fine()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Out}\n{Error}");
        return this;
    }

    /// <summary>Fails unless the command failed with one line on stderr that begins with "error:" and holds these parts.</summary>
    public void FailedWith(params string[] parts)
    {
        Assert.True(ExitCode == 1, $"exit code {ExitCode}, expected 1\n{Out}\n{Error}");
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => line.StartsWith("error:", StringComparison.Ordinal));
        foreach (string part in parts)
            Assert.Contains(part, line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
    }

    /// <summary>Fails unless the command failed with several lines on stderr that begin with "error:", one or more with each of these parts.</summary>
    public void FailedWithAll(params string[] parts)
    {
        Assert.True(ExitCode == 1, $"exit code {ExitCode}, expected 1\n{Out}\n{Error}");
        string[] lines = [.. Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line.StartsWith("error:", StringComparison.Ordinal))];
        foreach (string part in parts)
            Assert.Contains(lines, line => line.Contains(part, StringComparison.Ordinal));
    }
}

/// <summary>Runs the anople command.</summary>
internal static class Anople
{
    /// <summary>In this process, with captured writers. Paths must be absolute: the working folder belongs to all tests.</summary>
    public static Task<CliResult> Run(params string[] args) => Run(new StringWriter(), CancellationToken.None, args);

    /// <summary>In this process, with a writer for stderr and a token that stands for Ctrl-C.</summary>
    public static async Task<CliResult> Run(StringWriter stderr, CancellationToken cancellation, params string[] args)
    {
        using var stdout = new StringWriter();
        int code = await CommandLine.RunAsync(args, stdout, stderr, cancellation);
        return new(code, stdout.ToString(), stderr.ToString());
    }

    /// <summary>As its own process, as users run it.</summary>
    /// <param name="folder">Its working folder.</param>
    /// <param name="args">What follows "anople".</param>
    public static Task<CliResult> RunProcess(string folder, params string[] args) => RunProcess(folder, [], args);

    /// <summary>As its own process with further environment variables.</summary>
    public static async Task<CliResult> RunProcess(string folder, Dictionary<string, string> environment, params string[] args)
    {
        using var process = Start(folder, environment, args);
        Task<string> stdout = process.StandardOutput.ReadToEndAsync(), stderr = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, await stdout, await stderr);
    }

    /// <summary>Starts it as its own process.</summary>
    public static Process Start(string folder, params string[] args) => Start(folder, [], args);

    private static Process Start(string folder, Dictionary<string, string> environment, string[] args)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "anople.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. args])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
