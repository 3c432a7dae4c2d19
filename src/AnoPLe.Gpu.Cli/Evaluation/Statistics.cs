namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>Means over seeds and categories.</summary>
internal static class Statistics
{
    /// <summary>
    /// Per category, number of shots and method over the seeds; then, for several categories, "mean": the categories are averaged for each
    /// seed first, so that its deviation is that of a whole benchmark run. A category where a metric is undefined (NaN) is left out of that metric.
    /// </summary>
    public static IReadOnlyList<EvalSummary> Summarize(IReadOnlyList<EvalRun> runs)
    {
        List<EvalSummary> summaries = [.. runs.GroupBy(run => (run.Category, run.Shots, run.Method))
            .Select(group => Over(group.Key.Category, group.Key.Method, group.Key.Shots, [.. group.Select(run => run.Row)]))];
        if (runs.Select(run => run.Category).Distinct().Count() > 1)
            foreach (var group in runs.GroupBy(run => (run.Shots, run.Method)))
                summaries.Add(Over(EvalReport.Mean, group.Key.Method, group.Key.Shots,
                    [.. group.GroupBy(run => run.Seed).Select(seed => MetricRow.Of([.. seed.Select(run => run.Row)], Mean))]));
        return summaries;
    }

    /// <summary>The mean of the defined values; NaN when there is none.</summary>
    public static double Mean(IReadOnlyList<double> values) =>
        values.Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Sample standard deviation (divisor n - 1) of the defined values; NaN for fewer than two.</summary>
    public static double Deviation(IReadOnlyList<double> values)
    {
        double[] defined = [.. values.Where(double.IsFinite)];
        if (defined.Length < 2)
            return double.NaN;
        double mean = defined.Average();
        return Math.Sqrt(defined.Sum(value => (value - mean) * (value - mean)) / (defined.Length - 1));
    }

    private static EvalSummary Over(string category, string method, int shots, IReadOnlyList<MetricRow> rows) =>
        new(category, method, shots, rows.Count, MetricRow.Of(rows, Mean), MetricRow.Of(rows, Deviation));
}
