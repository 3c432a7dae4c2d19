using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Benchmarks.Cold;

/// <summary>
/// compare-cold: a process that scores one image, `anople score`, against one that loads the same image tower into ONNX Runtime and runs it once:
/// seconds from start to exit, processor seconds and peak memory.
/// </summary>
internal static class CompareColdCommand
{
    // Memory is read while a process runs, which disturbs its clock a little: these runs are not timed.
    private const int MemoryRuns = 3;

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string> model = new("--model") { Description = "Configuration: a name of weights/configs or a JSON file.", DefaultValueFactory = _ => "vit-b-16-plus-240" };
        Option<int> threads = new("--threads") { Description = "Threads of either side; 0 leaves each at its default." };
        Option<int> runs = new("--runs") { Description = "Processes of either side, of which the medians are compared.", DefaultValueFactory = _ => 11 };
        Option<string?> anople = new("--anople") { Description = "The command to measure: anople.dll or an executable; the Release build of src/AnoPLe.Gpu.Cli when not given." };
        Option<string?> files = new("--files") { Description = "Keep weights, detector, image and ONNX model in this folder, and use them again; a temporary folder when not given." };
        Option<bool> json = new("--json") { Description = "One JSON object." };
        Option<string?> results = ResultTable.CreateOption();
        RootCommand command = new("From the start of a process to the score of one image, against ONNX Runtime: processes in turn, files in the page cache, medians.")
        {
            model, threads, runs, anople, files, json, results,
        };
        command.SetAction((parsed, cancellation) =>
        {
            int count = BenchmarkCommand.InRange(runs.Name, parsed.GetValue(runs), 1, 10_000);
            int threadCount = BenchmarkCommand.InRange(threads.Name, parsed.GetValue(threads), 0, CpuBackend.MaxThreads);
            using var inputs = ColdFiles.Create(parsed.GetValue(model)!, parsed.GetValue(files));
            var result = Compare(parsed.GetValue(model)!, inputs, parsed.GetValue(anople) ?? ColdFiles.BuiltCommand(), threadCount, count, cancellation);
            Console.WriteLine(parsed.GetValue(json) ? result.ToJson() : result.ToText());
            result.Put(parsed.GetValue(results));
            return Task.FromResult(0);
        });
        return command;
    }

    // Started as "dotnet PROGRAM.dll", the process is the host's, which needs the assembly's name.
    private static string ThisProgram() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? typeof(Program).Assembly.Location : Environment.ProcessPath!;

    private static ColdComparison Compare(string model, ColdFiles files, string anople, int threads, int runs, CancellationToken cancellation)
    {
        string count = threads.ToString(CultureInfo.InvariantCulture);
        ChildProcess ours = new(anople, ["score", files.Detector, files.Image, "--weights", files.Weights, "--device", "cpu", "--threads", count]);
        ChildProcess theirs = new(ThisProgram(), [OrtOnce.Mode, files.OnnxModel, files.Image, files.ImageSize.ToString(CultureInfo.InvariantCulture), count]);
        // Once each, so that both find their files and libraries in the page cache.
        ours.Run(watchMemory: false);
        theirs.Run(watchMemory: false);
        List<ChildUsage> a = [], b = [], memoryA = [], memoryB = [];
        Alternate(runs, watchMemory: false, a, b);
        Alternate(Math.Min(MemoryRuns, runs), watchMemory: true, memoryA, memoryB);
        return new(model, threads, runs, ColdSide.Of(a, memoryA), ColdSide.Of(b, memoryB), files.VisionBytes >> 20, files.WeightsBytes >> 20,
            $"{Machine.Cpu}, {Environment.ProcessorCount} processors", Machine.BothRuntimes, Machine.Now);

        void Alternate(int times, bool watchMemory, List<ChildUsage> first, List<ChildUsage> second)
        {
            for (int run = 0; run < times; run++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (run % 2 == 0)
                    first.Add(ours.Run(watchMemory));
                second.Add(theirs.Run(watchMemory));
                if (run % 2 == 1)
                    first.Add(ours.Run(watchMemory));
            }
        }
    }
}
