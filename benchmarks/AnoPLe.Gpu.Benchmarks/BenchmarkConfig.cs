using System.Reflection;
using AnoPLe.Gpu.Benchmarks.Ceiling;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>
/// In this process (a device is opened once per benchmark, and no project is generated and built), medians, the achieved rate, its part of the
/// device's ceiling, and managed allocations.
/// </summary>
internal abstract class BenchmarkConfig : ManualConfig
{
    protected BenchmarkConfig(Job job)
    {
        AddJob(job.WithToolchain(InProcessEmitToolchain.Instance));
        AddColumn(StatisticColumn.Median, new RateColumn(), new CeilingColumn());
        AddDiagnoser(MemoryDiagnoser.Default);
        WithCategoryDiscoverer(new OperationCategories());
    }
}

/// <summary>The operation that a class measures is its category, with its backward; "ladder" and other marks stay.</summary>
internal sealed class OperationCategories : DefaultCategoryDiscoverer
{
    public override string[] GetCategories(MethodInfo method) => [.. base.GetCategories(method), OperationOf(method.ReflectedType!.Name)];

    private static string OperationOf(string name)
    {
        foreach (string end in new[] { "Benchmark", "Text", "Backward", "Gradient" })
            name = name.EndsWith(end, StringComparison.Ordinal) ? name[..^end.Length] : name;
        return name;
    }
}

/// <summary>Everything compiled and warm.</summary>
internal sealed class SteadyConfig() : BenchmarkConfig(Job.Default.WithWarmupCount(3).WithIterationCount(10).WithIterationTime(TimeInterval.FromMilliseconds(250)));

/// <summary>One call, nothing warm.</summary>
internal sealed class ColdConfig() : BenchmarkConfig(Job.Default.WithStrategy(RunStrategy.ColdStart).WithIterationCount(1));
