using System.Text;

namespace AnoPLe.Gpu.Datasets;

/// <summary>Small comma-separated tables with a header line; fields may be quoted (RFC 4180), lines may end in LF or CRLF.</summary>
internal static class CsvTable
{
    /// <summary>The named columns of every row, in the order asked for.</summary>
    /// <exception cref="InvalidDataException">A column is missing, a row is too short, or a quote is left open.</exception>
    public static List<string[]> Read(string path, params string[] columns)
    {
        string[] lines = File.ReadAllLines(path);
        List<string> header = lines.Length == 0 ? [] : Fields(path, 1, lines[0].TrimStart('\uFEFF'));
        int[] at = [.. columns.Select(column => header.IndexOf(column))];
        if (at.Contains(-1))
            throw new InvalidDataException(
                $"{path}: the first line names the columns '{string.Join(", ", header)}', expected among them '{string.Join(", ", columns)}'.");
        List<string[]> rows = [];
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Length == 0)
                continue;
            List<string> fields = Fields(path, i + 1, lines[i]);
            if (fields.Count <= at.Max())
                throw new InvalidDataException($"{path}: line {i + 1} has {fields.Count} fields, expected {header.Count} as in the first line.");
            rows.Add([.. at.Select(column => fields[column])]);
        }
        return rows;
    }

    private static List<string> Fields(string path, int number, string line)
    {
        List<string> fields = [];
        StringBuilder field = new();
        bool quoted = false;
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"')
                field.Append(line[++i]);
            else if (c == '"')
                quoted = !quoted;
            else if (c == ',' && !quoted)
                Flush();
            else
                field.Append(c);
        }
        if (quoted)
            throw new InvalidDataException($"{path}: line {number} opens a quote and does not close it.");
        Flush();
        return fields;

        void Flush()
        {
            fields.Add(field.ToString());
            field.Clear();
        }
    }
}
