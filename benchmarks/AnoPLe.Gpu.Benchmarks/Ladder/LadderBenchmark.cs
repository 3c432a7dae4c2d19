using AnoPLe.Gpu.Benchmarks.Ceiling;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>The rungs of the ladder at the sizes of an MLP's first layer in ViT-B/16+ 240; those with threads on all processors.</summary>
[Config(typeof(SteadyConfig))]
[BenchmarkCategory("ladder")]
public class LadderBenchmark : IMeasuredWork
{
    private const int M = 226, N = 3584, K = 896;

    private LadderProblem? problem;
    private IRung? rung;

    public static IEnumerable<string> Rungs => LadderRungs.All.Select(rung => rung.Id);

    [ParamsSource(nameof(Rungs))]
    public string Rung { get; set; } = LadderRung.ShippedId;

    public Work Work => new(2.0 * M * N * K, "FLOP");

    [GlobalSetup]
    public void Setup()
    {
        problem = new LadderProblem(M, N, K);
        rung = LadderRungs.All.Single(rung => rung.Id == Rung).Create(problem, Environment.ProcessorCount);
        rung.Run();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        rung?.Dispose();
        problem?.Dispose();
    }

    [Benchmark]
    public void Product() => rung!.Run();
}
