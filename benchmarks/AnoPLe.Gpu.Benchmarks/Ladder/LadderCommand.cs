using System.CommandLine;
using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>ladder: one matrix product computed in a dozen ways, from three nested loops to what the product runs; see benchmarks/ladder.md.</summary>
internal static class LadderCommand
{
    private const int LargestSize = 1 << 20, LargestMatrix = 1 << 28; // floats: 1 GiB

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<int> m = new("--m") { Description = "Rows of A and C: tokens.", DefaultValueFactory = _ => 226 };
        Option<int> n = new("--n") { Description = "Columns of C: outputs of the layer.", DefaultValueFactory = _ => 3584 };
        Option<int> k = new("--k") { Description = "Terms of a sum: inputs of the layer.", DefaultValueFactory = _ => 896 };
        Option<string> threads = new("--threads") { Description = "Threads of the rungs that have them, several with commas.", DefaultValueFactory = _ => "1,2" };
        Option<double> seconds = new("--seconds") { Description = "Time for each rung (at least three calls); 0 checks the results and measures nothing.", DefaultValueFactory = _ => 0.5 };
        Option<string?> rungs = new("--rungs") { Description = "Only these, several with commas; all when not given." };
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        Option<string?> results = ResultTable.CreateOption();
        RootCommand command = new("C = GELU(A W^T + bias) in a dozen ways, each checked and timed. Default: the first layer of an MLP of ViT-B/16+ 240.")
        {
            m, n, k, threads, seconds, rungs, json, results,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(Climb(
            Size(parsed, m), Size(parsed, n), Size(parsed, k), BenchmarkCommand.Numbers(threads.Name, parsed.GetValue(threads)!, CpuBackend.MaxThreads),
            BenchmarkCommand.Seconds(parsed.GetValue(seconds)), parsed.GetValue(rungs) is { } ids ? LadderRungs.Select(ids.Split(',')) : LadderRungs.All,
            parsed.GetValue(json), parsed.GetValue(results), cancellation)));
        return command;
    }

    private static int Climb(int m, int n, int k, int[] threads, double seconds, IReadOnlyList<LadderRung> rungs, bool json, string? results, CancellationToken cancellation)
    {
        foreach (var (name, count) in new[] { ("A, m x k", (long)m * k), ("W, n x k", (long)n * k), ("C, m x n", (long)m * n) })
            if (count > LargestMatrix)
                throw new ArgumentException($"{name}, would have {count} values, the most is {LargestMatrix}: choose smaller sizes.");
        if (results is not null && seconds == 0)
            throw new ArgumentException("--results needs times, got --seconds 0, which measures none. Leave one of them out.");
        using var problem = new LadderProblem(m, n, k);
        var reference = new LadderReference(problem);
        var measurement = new LadderMeasurement(problem, reference, seconds);
        if (!json)
        {
            Console.WriteLine($"C[{m}, {n}] = GELU(A[{m}, {k}] W[{n}, {k}]^T + bias), fp32\n{Machine.Cpu}; {Machine.Runtime}");
            Console.WriteLine($"{measurement.PeakText(threads)}{LadderLine.Heading}");
        }
        bool fine = true;
        foreach (var (rung, count) in Steps(rungs, threads))
        {
            cancellation.ThrowIfCancellationRequested();
            var (line, fault) = measurement.Measure(rung, count);
            Console.WriteLine(json ? line.ToJson() : line.ToText());
            if (fault is not null)
                Console.Error.WriteLine(fault);
            else
                line.Put(results);
            fine &= fault is null;
        }
        return fine ? 0 : BenchmarkCommand.Failure;
    }

    /// <summary>Rungs without threads once, on one; then the others together for each number of threads.</summary>
    private static IEnumerable<(LadderRung Rung, int Threads)> Steps(IReadOnlyList<LadderRung> rungs, int[] threads) =>
        rungs.Where(rung => !rung.UsesThreads).Select(rung => (rung, 1))
            .Concat(threads.SelectMany(count => rungs.Where(rung => rung.UsesThreads).Select(rung => (rung, count))));

    private static int Size(ParseResult parsed, Option<int> option) => BenchmarkCommand.InRange(option.Name, parsed.GetValue(option), 1, LargestSize);
}
