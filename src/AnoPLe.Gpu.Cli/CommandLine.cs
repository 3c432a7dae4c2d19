using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using AnoPLe.Gpu.Cli.Commands;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli;

/// <summary>The whole command line as a function, which <c>Program.cs</c> and the tests call.</summary>
internal static class CommandLine
{
    /// <summary>Everything asked for was done.</summary>
    public const int Fine = 0;

    /// <summary>Something failed or was cancelled; stderr says what.</summary>
    public const int Failed = 1;

    /// <summary>The command line itself was wrong; nothing was started.</summary>
    public const int BadUsage = 2;

    /// <summary>Set to anything to see stack traces.</summary>
    private const string DebugVariable = "ANOPLE_DEBUG";

    /// <summary>Runs one command.</summary>
    /// <param name="args">What follows "anople".</param>
    /// <param name="stdout">Gets results: text for people, or JSON and nothing else with --json.</param>
    /// <param name="stderr">Gets notes, progress and errors.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    /// <returns>0 fine, 1 failed or cancelled, 2 bad usage.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter stdout, TextWriter stderr, CancellationToken cancellation)
    {
        var root = Root(stdout, stderr);
        // Arguments that begin with @ are file names here, not response files.
        var parse = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parse.Errors.Count > 0 && parse.Action is not (HelpWithExamples or VersionAction))
        {
            string command = Path(parse.CommandResult.Command, root);
            foreach (string message in parse.Errors.Select(Message).Distinct())
                stderr.WriteLine($"error: {OneLine(message)}");
            stderr.WriteLine($"See: {command} --help");
            return BadUsage;
        }
        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = stdout,
                Error = stderr,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parse.InvokeAsync(configuration, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (Environment.GetEnvironmentVariable(DebugVariable) is not { Length: > 0 })
        {
            return Report(e, stderr);
        }
    }

    private static RootCommand Root(TextWriter stdout, TextWriter stderr)
    {
        var root = new RootCommand("Few-shot visual anomaly detection: learn from 1 to 4 normal images, score others, see where the defects are.");
        Command[] commands =
        [
            DemoCommand.Create(stdout, stderr),
            FitCommand.Create(stdout, stderr),
            TrainCommand.Create(stdout, stderr),
            ScoreCommand.Create(stdout, stderr),
            EvalCommand.Create(stdout, stderr),
            TraceCommand.Create(stdout, stderr),
            WeightsCommand.Create(stdout, stderr),
            DoctorCommand.Create(stdout, stderr),
        ];
        foreach (var command in commands)
            root.Subcommands.Add(command);
        foreach (var option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction help })
                option.Action = new HelpWithExamples(help);
            else if (option is VersionOption)
                option.Action = new VersionAction();
        }
        root.Examples("anople demo", "anople weights inspect ViT-B-16-plus-240.safetensors", "anople doctor");
        return root;
    }

    private static string Message(ParseError error)
    {
        var missing = error.SymbolResult is ArgumentResult { Tokens.Count: 0 } argument ? argument.Argument : null;
        return missing is null ? error.Message : $"<{missing.Name}> is missing. Expected: {missing.Description}";
    }

    private static int Report(Exception e, TextWriter stderr)
    {
        // Work on several threads wraps its failure.
        while (e is AggregateException { InnerExceptions: [var only] })
            e = only;
        stderr.WriteLine(e switch
        {
            OperationCanceledException { Message: { Length: > 0 } message } when e is CancelledException => $"cancelled: {OneLine(message)}",
            OperationCanceledException => "cancelled: nothing was kept.",
            ArgumentException argument => $"error: {OneLine(WithoutParameter(argument))}",
            InvalidDataException or IOException or UnauthorizedAccessException or DeviceException or NotSupportedException or TrainingDivergedException
                => $"error: {OneLine(e.Message)}",
            OutOfMemoryException => "error: this machine has not enough memory for that. Use fewer or smaller images, or a smaller model.",
            _ => $"error: unexpected {e.GetType().Name}: {OneLine(e.Message)} Set {DebugVariable}=1 to see where, and please report it.",
        });
        return Failed;
    }

    private static string WithoutParameter(ArgumentException e)
    {
        string suffix = $" (Parameter '{e.ParamName}')";
        return e.ParamName is not null && e.Message.EndsWith(suffix, StringComparison.Ordinal) ? e.Message[..^suffix.Length] : e.Message;
    }

    private static string OneLine(string message) => string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private static string Path(Command command, RootCommand root)
    {
        List<string> names = [];
        for (Symbol? at = command; at is Command && at != root; at = at.Parents.FirstOrDefault())
            names.Insert(0, at.Name);
        return string.Join(' ', ["anople", .. names]);
    }
}

/// <summary>Cancelled by the user, with a message that says what was kept.</summary>
internal sealed class CancelledException(string kept) : OperationCanceledException(kept);
