using Spectre.Console;

namespace AnoPLe.Gpu.Cli.Output;

/// <summary>A table that is drawn with lines on a terminal and as aligned columns elsewhere. Columns after the first few are numbers.</summary>
/// <param name="columns">Headers. One that begins with '>' is right-aligned.</param>
internal sealed class ResultTable(params string[] columns)
{
    private readonly List<(string[] Cells, bool Strong)> rows = [];

    /// <summary>Adds a row with one cell per column.</summary>
    public void Add(params string[] cells) => rows.Add((cells, false));

    /// <summary>Adds a row that stands out, such as a mean.</summary>
    public void AddStrong(params string[] cells) => rows.Add((cells, true));

    /// <summary>Columns aligned by spaces, two between them, without trailing ones.</summary>
    public void WritePlain(TextWriter writer)
    {
        string[][] all = [[.. columns.Select(Header)], .. rows.Select(row => row.Cells)];
        int[] widths = [.. columns.Select((_, c) => all.Max(cells => cells[c].Length))];
        foreach (string[] cells in all)
            writer.WriteLine(string.Join("  ", cells.Select((cell, c) => IsRight(columns[c]) ? cell.PadLeft(widths[c]) : cell.PadRight(widths[c]))).TrimEnd());
    }

    /// <summary>The table for a terminal.</summary>
    public Table ToRich()
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey);
        foreach (string column in columns)
        {
            var header = new TableColumn(new Text(Header(column), new Style(decoration: Decoration.Bold))).NoWrap();
            table.AddColumn(IsRight(column) ? header.RightAligned() : header);
        }
        foreach (var (cells, strong) in rows)
            table.AddRow(cells.Select(cell => new Text(cell, strong ? new Style(Color.Green, decoration: Decoration.Bold) : Style.Plain)));
        return table;
    }

    private static bool IsRight(string column) => column.StartsWith('>');

    private static string Header(string column) => column.TrimStart('>');
}
