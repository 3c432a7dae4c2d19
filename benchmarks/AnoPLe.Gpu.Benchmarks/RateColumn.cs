using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>What one call does.</summary>
/// <param name="Amount">Floating-point operations, bytes moved or images.</param>
/// <param name="Unit">"FLOP", "B" or "image".</param>
public readonly record struct Work(double Amount, string Unit);

/// <summary>A benchmark that says how much work one call is; it depends on the parameters only, not on the setup.</summary>
public interface IMeasuredWork
{
    Work Work { get; }
}

/// <summary>Work over median time: GFLOP/s, GB/s or image/s.</summary>
internal sealed class RateColumn : IColumn
{
    public string Id => nameof(RateColumn);

    public string ColumnName => "Rate";

    public string Legend => "Work of one call over the median time";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        var type = benchmarkCase.Descriptor.Type;
        if (!typeof(IMeasuredWork).IsAssignableFrom(type) || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
            return "-";
        var benchmark = (IMeasuredWork)Activator.CreateInstance(type)!;
        foreach (var parameter in benchmarkCase.Parameters.Items)
            type.GetProperty(parameter.Name)!.SetValue(benchmark, parameter.Value);
        var (amount, unit) = benchmark.Work;
        double seconds = statistics.Median * 1e-9;
        return unit == "image"
            ? string.Create(CultureInfo.InvariantCulture, $"{amount / seconds:f2} image/s")
            : string.Create(CultureInfo.InvariantCulture, $"{amount / seconds * 1e-9:f1} G{unit}/s");
    }
}
