using System.Globalization;
using System.Text;
using AnoPLe.Gpu.Cli.Output;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>An evaluation as a table for people and as CSV. Percent for people, fractions for machines.</summary>
internal static class EvalTables
{
    private static readonly (string Header, string Csv, Func<MetricRow, double> Pick)[] Metrics =
    [
        ("I-AUROC", "i_auroc", row => row.ImageAuroc),
        ("P-AUROC", "p_auroc", row => row.PixelAuroc),
        ("AUPRO", "aupro", row => row.Aupro),
        ("P-AP", "p_ap", row => row.PixelAp),
        ("P-F1-max", "p_f1_max", row => row.PixelF1Max),
        ("I-AP", "i_ap", row => row.ImageAp),
        ("I-F1-max", "i_f1_max", row => row.ImageF1Max),
    ];

    /// <summary>
    /// One row per category, number of shots and method: mean over the seeds in percent, "± deviation" when there are several. The method
    /// has a column where there are several.
    /// </summary>
    public static ResultTable Table(EvalReport report)
    {
        bool several = report.Methods.Count > 1;
        var table = new ResultTable(["category", .. Optional("method"), ">shots", .. Headers]);
        foreach (var row in report.Summary)
            Add(table, row.Category == EvalReport.Mean, [row.Category, .. Optional(row.Method), Number(row.Shots), .. Cells(row)]);
        return table;

        string[] Optional(string method) => several ? [method] : [];
    }

    /// <summary>One row per method and number of shots, averaged over the categories: the paper's table.</summary>
    public static ResultTable AblationTable(EvalReport report)
    {
        var table = new ResultTable(["method", ">shots", .. Headers]);
        bool hasMean = report.Summary.Any(row => row.Category == EvalReport.Mean);
        foreach (var method in report.Methods)
            foreach (var row in report.Summary.Where(row => row.Method == method.Name && (!hasMean || row.Category == EvalReport.Mean)))
                Add(table, method == report.Methods[0], [row.Method, Number(row.Shots), .. Cells(row)]);
        return table;
    }

    /// <summary>One line per run, in fractions; undefined metrics are empty.</summary>
    public static string Csv(IReadOnlyList<EvalRun> runs)
    {
        var text = new StringBuilder().AppendJoin(',', ["category", "method", "shots", "seed", "threshold", .. Metrics.Select(metric => metric.Csv)]).Append('\n');
        foreach (var run in runs)
            text.AppendJoin(',', [Quoted(run.Category), run.Method, Number(run.Shots), Number(run.Seed), run.Calibration.Threshold.ToString("R", CultureInfo.InvariantCulture),
                .. Metrics.Select(metric => Fraction(metric.Pick(run.Row)))]).Append('\n');
        return text.ToString();
    }

    private static IEnumerable<string> Headers => Metrics.Select(metric => ">" + metric.Header);

    private static IEnumerable<string> Cells(EvalSummary row) => Metrics.Select(metric => Percent(metric.Pick(row.Mean), metric.Pick(row.Deviation)));

    private static void Add(ResultTable table, bool strong, string[] cells)
    {
        if (strong)
            table.AddStrong(cells);
        else
            table.Add(cells);
    }

    private static string Percent(double mean, double deviation)
    {
        if (!double.IsFinite(mean))
            return "n/a";
        string text = (100 * mean).ToString("F1", CultureInfo.InvariantCulture);
        return double.IsFinite(deviation) ? $"{text} ± {(100 * deviation).ToString("F1", CultureInfo.InvariantCulture)}" : text;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Fraction(double value) => double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) : "";

    private static string Quoted(string field) => field.AsSpan().IndexOfAny(",\"\n") < 0 ? field : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
