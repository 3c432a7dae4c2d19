using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace AnoPLe.Gpu.Benchmarks.Ceiling;

/// <summary>What one call does.</summary>
/// <param name="Amount">Floating-point operations, bytes moved or images.</param>
/// <param name="Unit">"FLOP", "B" or "image".</param>
public readonly record struct Work(double Amount, string Unit);

/// <summary>A benchmark that says how much work one call is; it depends on the parameters only, not on the setup.</summary>
public interface IMeasuredWork
{
    Work Work { get; }
}

/// <summary>A column computed from the work and the median time of a benchmark.</summary>
internal abstract class WorkColumn(string name, string legend) : IColumn
{
    public string Id => GetType().Name;

    public string ColumnName => name;

    public string Legend => legend;

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
        return Format(amount / (statistics.Median * 1e-9), unit, type.GetProperty("Device")?.GetValue(benchmark) as string);
    }

    /// <summary>The cell.</summary>
    /// <param name="rate">Work a second.</param>
    /// <param name="unit">Of the work.</param>
    /// <param name="device">The benchmark's device, if it has one.</param>
    protected abstract string Format(double rate, string unit, string? device);
}
