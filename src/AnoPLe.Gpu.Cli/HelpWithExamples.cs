using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Cli;

/// <summary>The parser library's help, followed by the command's examples.</summary>
internal sealed class HelpWithExamples(HelpAction inner) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        inner.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        if (ExampleExtensions.Of(parseResult.CommandResult.Command) is { Length: > 0 } examples)
        {
            output.WriteLine("Examples:");
            foreach (string example in examples)
                output.WriteLine($"  {example}");
            output.WriteLine();
        }
        return CommandLine.Fine;
    }
}

/// <summary>Prints "anople" and the version, without the commit's hash.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    /// <summary>For instance "0.1.0".</summary>
    public static string Version { get; } =
        typeof(VersionAction).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine($"anople {Version}");
        return CommandLine.Fine;
    }
}

/// <summary>Attaches examples to commands.</summary>
internal static class ExampleExtensions
{
    private static readonly ConditionalWeakTable<Command, string[]> All = [];

    /// <summary>Shown at the end of the command's help.</summary>
    public static void Examples(this Command command, params string[] examples) => All.Add(command, examples);

    /// <summary>The examples of a command, or null.</summary>
    public static string[]? Of(Command command) => All.TryGetValue(command, out string[]? examples) ? examples : null;
}
