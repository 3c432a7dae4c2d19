using System.Globalization;
using System.Text;
using AnoPLe.Gpu.Weights.Download;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>
/// A Markdown page of results/MACHINE with one table that the commands keep up to date: a new row takes the place of the old one with the same
/// key, everything else on the page stays as it is.
/// </summary>
/// <param name="fileName">Name of the page.</param>
/// <param name="title">Its heading, when it is new.</param>
/// <param name="introduction">What the numbers are, when it is new.</param>
/// <param name="keys">How many of the first columns say what was measured.</param>
/// <param name="columns">Heads of all columns.</param>
internal sealed class ResultTable(string fileName, string title, string introduction, int keys, params string[] columns)
{
    private readonly string heading = Line(columns);

    /// <summary>The option that names the folder of all machines' results.</summary>
    public static System.CommandLine.Option<string?> CreateOption() => new("--results")
    {
        Description = "Also write the result into the table of this machine below this folder; benchmarks/results is the repository's.",
    };

    /// <summary>Writes a row. The page is made when it does not exist.</summary>
    /// <param name="results">The folder of all machines' results, or null: then nothing is written.</param>
    /// <param name="cells">One value a column; numbers as <see cref="Number(double?, string)"/> writes them.</param>
    /// <exception cref="InvalidDataException">There is a page without such a table.</exception>
    public void Put(string? results, params string[] cells)
    {
        if (results is null)
            return;
        if (cells.Length != columns.Length)
            throw new ArgumentException($"A row of {fileName} has {columns.Length} cells, got {cells.Length}.", nameof(cells));
        string folder = Directory.CreateDirectory(Path.Combine(Path.GetFullPath(results), Machine.Folder)).FullName;
        string path = Path.Combine(folder, fileName);
        List<string> lines = [.. File.Exists(path) ? File.ReadAllLines(path) : NewPage()];
        int first = lines.IndexOf(heading) + 2; // heading and rule
        if (first < 2)
            throw new InvalidDataException($"{path} has no table with the columns {heading} Move the page away, and a new one is made.");
        int end = first;
        while (end < lines.Count && lines[end].StartsWith('|'))
            end++;
        string row = Line(cells), key = Line(cells[..keys]);
        int same = lines.FindIndex(first, end - first, line => line.StartsWith(key, StringComparison.Ordinal));
        if (same >= 0)
            lines[same] = row;
        else
            lines.Insert(end, row);
        JsonFile.WriteText(path, string.Join('\n', lines) + '\n');
    }

    /// <summary>A number as a cell; empty for null.</summary>
    public static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";

    /// <summary>A whole number as a cell.</summary>
    public static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>The day of a time as results have it.</summary>
    public static string Day(string time) => time[..10];

    private static string Line(string[] cells) => new StringBuilder("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace('|', '/').ReplaceLineEndings(" "))).Append(" |").ToString();

    private string[] NewPage() =>
    [
        $"# {title}", "", $"{introduction} Processor: {Machine.Cpu}, {Environment.ProcessorCount} at once.", "", heading, $"|{string.Concat(columns.Select(_ => " --- |"))}",
    ];
}
