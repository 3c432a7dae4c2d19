using System.CommandLine;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>compare-ort: throughput of a tower on the CPU backend against ONNX Runtime, same weights, same inputs, same threads.</summary>
internal static class CompareOrtCommand
{
    // Both sides add in float in different orders; what differs by more than this part of the largest value is an error, not rounding.
    private const double Tolerance = 1e-3;

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string> model = new("--model") { Description = "Configuration: a name of weights/configs or a JSON file.", DefaultValueFactory = _ => "vit-b-16-plus-240" };
        Option<string> tower = new("--tower") { Description = "image, or text: rows of 77 token ids.", DefaultValueFactory = _ => "image" };
        Option<string> batch = new("--batch") { Description = "Images or rows of text of one call, several with commas.", DefaultValueFactory = _ => "1,8" };
        Option<string> threads = new("--threads") { Description = "Threads of either side, several with commas.", DefaultValueFactory = _ => "1,2" };
        Option<string> outputs = new("--outputs") { Description = "all: image features and patch tokens. features: features alone, as always of texts.", DefaultValueFactory = _ => "all" };
        Option<int> runs = new("--runs") { Description = "Runs of either side, of which the medians are compared.", DefaultValueFactory = _ => 15 };
        Option<string?> weights = new("--weights") { Description = "A safetensors file; seeded random weights when not given." };
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        Option<string?> results = ResultTable.CreateOption();
        tower.AcceptOnlyFromAmong("image", OrtComparison.Text);
        outputs.AcceptOnlyFromAmong("all", "features");
        RootCommand command = new("A tower on the CPU backend against ONNX Runtime: same weights, inputs and threads, interleaved runs, medians.")
        {
            model, tower, batch, threads, outputs, runs, weights, json, results,
        };
        command.SetAction((parsed, cancellation) =>
        {
            string towerName = parsed.GetValue(tower)!;
            // The resolution is part of the name here and there; weights/configs leaves it out where it is the usual one.
            string modelName = parsed.GetValue(model)! is var name && name == "vit-b-16-224" ? "vit-b-16" : name;
            Job job = new(modelName, towerName, ClipConfig.Find(modelName), PatchTokens: towerName != OrtComparison.Text && parsed.GetValue(outputs) == "all",
                BenchmarkCommand.InRange(runs.Name, parsed.GetValue(runs), 1, 100_000));
            return Task.FromResult(Compare(job, BenchmarkCommand.Numbers(batch.Name, parsed.GetValue(batch)!, 1024),
                BenchmarkCommand.Numbers(threads.Name, parsed.GetValue(threads)!, CpuBackend.MaxThreads), parsed.GetValue(weights), parsed.GetValue(json), parsed.GetValue(results), cancellation));
        });
        return command;
    }

    private static int Compare(Job job, int[] batches, int[] threads, string? weightsPath, bool json, string? results, CancellationToken cancellation)
    {
        using var weights = weightsPath is null ? ClipWeights.Random(job.Config, seed: 0) : ClipWeights.Load(weightsPath, job.Config);
        if (!json)
            Console.WriteLine($"{CpuBackend.Describe().Name}; {Machine.BothRuntimes}\n{job.Config}\n{job.Tower} tower\n{OrtComparison.Heading}");
        foreach (int batch in batches)
            foreach (int count in threads)
            {
                var result = Measure(job, weights, batch, count, cancellation);
                Console.WriteLine(json ? result.ToJson() : result.ToText());
                if (!(result.MaxAbsDiff <= Tolerance * result.MaxAbsFeature))
                    throw new InvalidDataException($"The outputs differ by {result.MaxAbsDiff:g3}, the largest value is {result.MaxAbsFeature:g3}: one side is wrong.");
                result.Put(results);
            }
        return 0;
    }

    private static OrtComparison Measure(Job job, ClipWeights weights, int batch, int threads, CancellationToken cancellation)
    {
        var (ours, theirs) = job.Tower == OrtComparison.Text ? Texts(job.Config, weights, batch, threads) : Images(job.Config, weights, batch, threads, job.PatchTokens);
        using (ours)
        using (theirs)
        {
            // Compiled and warm before the first measured run; the JIT needs several calls to reach its last tier.
            for (int i = 0; i < 3; i++)
            {
                ours.Run();
                theirs.Run();
            }
            var (oursSeconds, theirSeconds) = InterleavedTiming.Medians(ours.Run, theirs.Run, job.Runs, cancellation);
            double difference = Math.Max(MaxDifference(ours.Features, theirs.Features), MaxDifference(ours.PatchTokens, theirs.PatchTokens));
            return new(job.Model, job.Tower, batch, threads, job.PatchTokens ? "all" : "features", Round(batch / oursSeconds), Round(batch / theirSeconds), Round(theirSeconds / oursSeconds),
                difference, theirs.Features.Max(Math.Abs), job.Runs, Machine.Cpu, Machine.BothRuntimes, Machine.Now);
        }
    }

    private static (IEncoderSide Ours, IEncoderSide Theirs) Images(ClipConfig config, ClipWeights weights, int batch, int threads, bool patchTokens)
    {
        float[] images = EncoderInputs.Images(config, batch);
        return (new OurImageSide(weights, images, batch, threads, patchTokens), OrtSide.Image(config, weights, images, batch, threads, patchTokens));
    }

    private static (IEncoderSide Ours, IEncoderSide Theirs) Texts(ClipConfig config, ClipWeights weights, int batch, int threads)
    {
        int[][] rows = EncoderInputs.Texts(config, batch);
        return (new OurTextSide(weights, rows, threads), OrtSide.Text(config, weights, rows, threads));
    }

    private static double Round(double value) => Math.Round(value, 4);

    private static double MaxDifference(float[] a, float[] b)
    {
        double max = a.Length == b.Length ? 0 : double.PositiveInfinity;
        for (int i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            double difference = Math.Abs((double)a[i] - b[i]);
            max = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(max, difference);
        }
        return max;
    }

    /// <summary>What is the same for all batches and threads.</summary>
    private sealed record Job(string Model, string Tower, ClipConfig Config, bool PatchTokens, int Runs);
}
