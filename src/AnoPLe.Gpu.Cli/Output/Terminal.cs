using Spectre.Console;

namespace AnoPLe.Gpu.Cli.Output;

/// <summary>
/// Where a command writes: results to stdout, notes and progress to stderr. Colours, boxes and moving bars appear only where the stream
/// is this process's own terminal; everything else gets plain text.
/// </summary>
internal sealed class Terminal
{
    private readonly TextWriter stdout;
    private readonly TextWriter stderr;

    public Terminal(TextWriter stdout, TextWriter stderr, bool json)
    {
        this.stdout = stdout;
        this.stderr = stderr;
        Json = json;
        // A caller's own writer is never a terminal, whatever this process is attached to.
        if (ReferenceEquals(stdout, Console.Out) && !Console.IsOutputRedirected)
            Rich = Create(stdout);
        if (ReferenceEquals(stderr, Console.Error) && !Console.IsErrorRedirected)
            RichErrors = Create(stderr);
    }

    /// <summary>Whether stdout gets one JSON document and nothing else.</summary>
    public bool Json { get; }

    /// <summary>stdout with colours, or null.</summary>
    public IAnsiConsole? Rich { get; }

    /// <summary>stderr with colours, or null.</summary>
    public IAnsiConsole? RichErrors { get; }

    /// <summary>A line of the result, for people; silent with --json.</summary>
    public void Say(string line = "")
    {
        if (!Json)
            stdout.WriteLine(line);
    }

    /// <summary>A line beside the result, also with --json.</summary>
    public void Note(string line)
    {
        // Through the console that draws the bars, lest it draws over the line.
        if (RichErrors is null)
            stderr.WriteLine(line);
        else
            RichErrors.WriteLine(line);
    }

    /// <summary>One input among many failed; the work goes on.</summary>
    public void Problem(string line) => Note($"error: {line}");

    /// <summary>A table of the result, for people; silent with --json.</summary>
    public void Show(ResultTable table)
    {
        if (Json)
            return;
        if (Rich is null)
            table.WritePlain(stdout);
        else
            Rich.Write(table.ToRich());
    }

    /// <summary>The result for machines; silent without --json.</summary>
    public void ShowJson<T>(T value)
    {
        if (Json)
            stdout.WriteLine(ResultJson.Text(value));
    }

    private static IAnsiConsole Create(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
}
