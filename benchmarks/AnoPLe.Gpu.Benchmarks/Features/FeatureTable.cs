using System.Globalization;
using System.Text;

namespace AnoPLe.Gpu.Benchmarks.Features;

/// <summary>The measurement as a Markdown table: categories, then the mean over the categories of each dataset.</summary>
internal static class FeatureTable
{
    /// <summary>Writes the table.</summary>
    /// <param name="head">What was measured how.</param>
    /// <param name="sources">Names of the features; the first is compared with the others.</param>
    /// <param name="categories">The categories; those of one name and dataset, drawn from several seeds, make one row.</param>
    /// <param name="measured">[source][category][seed].</param>
    public static string Write(string head, IReadOnlyList<string> sources, IReadOnlyList<FeatureCategory> categories, FeatureQuality[][][] measured)
    {
        StringBuilder text = new(head);
        text.Append("\n\n| dataset | category | features | I-AUROC | P-AUROC | AUPRO | error removed |\n|---|---|---|---|---|---|---|\n");
        foreach (var set in Enumerable.Range(0, categories.Count).GroupBy(c => categories[c].Set))
        {
            var rows = set.GroupBy(c => categories[c].Name).ToArray();
            foreach (var row in rows)
                Rows(text, set.Key, row.Key, sources, measured, [.. row]);
            if (rows.Length > 1)
                Rows(text, set.Key, "mean", sources, measured, [.. set]);
        }
        return text.ToString();
    }

    // Categories are averaged for each seed first, so the deviation is that of a whole measurement.
    private static void Rows(StringBuilder text, string set, string name, IReadOnlyList<string> sources, FeatureQuality[][][] measured, int[] categories)
    {
        double own = Mean(measured[0], categories, q => q.Auroc).Mean;
        for (int s = 0; s < sources.Count; s++)
        {
            double error = 1 - Mean(measured[s], categories, q => q.Auroc).Mean;
            string removed = s == 0 ? "" : error > 0 ? (1 - (1 - own) / error).ToString("P0", CultureInfo.InvariantCulture) : "none to remove";
            text.Append(CultureInfo.InvariantCulture,
                $"| {set} | {name} | {sources[s]} | {Cell(measured[s], categories, q => q.Image)} | {Cell(measured[s], categories, q => q.Pixel)} | {Cell(measured[s], categories, q => q.Aupro)} | {removed} |\n");
        }
    }

    private static string Cell(FeatureQuality[][] measured, int[] categories, Func<FeatureQuality, double> value)
    {
        var (mean, deviation) = Mean(measured, categories, value);
        return string.Create(CultureInfo.InvariantCulture, $"{100 * mean:F1} ± {100 * deviation:F1}");
    }

    private static (double Mean, double Deviation) Mean(FeatureQuality[][] measured, int[] categories, Func<FeatureQuality, double> value) =>
        FeatureQuality.Over(Enumerable.Range(0, measured[categories[0]].Length).Select(seed => categories.Average(c => value(measured[c][seed]))));
}
