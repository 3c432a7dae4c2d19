using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Scoring;
using AnoPLe.Gpu.Training;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Model;

/// <summary>train-step: the time of an optimiser step, and that as a multiple of a forward pass of the same images through the vision tower.</summary>
internal static class TrainStepCommand
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly ResultTable Table = new("train-step.md", "A training step against a forward pass",
        "`train-step`: an optimiser step of the default method and a plain forward pass of the images that it sends through the vision tower, in turn in one process, medians, fp32, " +
        "seeded random weights.", 5,
        "model", "device", "normal images", "threads", "vector bits", "tower images", "step, ms", "forward, ms", "step / forward", "runs", "runtime", "date");

    /// <summary>What --json prints.</summary>
    /// <param name="Model">Configuration.</param>
    /// <param name="Device">Where.</param>
    /// <param name="Threads">That compute; 0 where the device has none.</param>
    /// <param name="Images">Normal images in a step.</param>
    /// <param name="TowerImages">Images that a step sends through the vision tower: normal and pixel-anomalous views.</param>
    /// <param name="StepMs">Median of a step: pseudo-anomalies, forward, backward, optimiser.</param>
    /// <param name="ForwardMs">Median of a plain forward pass of as many images, with patch tokens, as inference runs it.</param>
    /// <param name="Multiple">StepMs over ForwardMs.</param>
    /// <param name="Runs">Interleaved runs.</param>
    /// <param name="Processor">Name and details of the device.</param>
    /// <param name="Date">When.</param>
    private sealed record Result(string Model, string Device, int Threads, int Images, int TowerImages, double StepMs, double ForwardMs, double Multiple, int Runs, string Processor, string Date)
    {
        public void Put(string? results) => Table.Put(results, Model, Device, ResultTable.Number(Images), Threads == 0 ? "" : ResultTable.Number(Threads),
            Threads == 0 ? "" : ResultTable.Number(Machine.VectorBits), ResultTable.Number(TowerImages), ResultTable.Number(StepMs, "f0"), ResultTable.Number(ForwardMs, "f0"), ResultTable.Number(Multiple, "f2"),
            ResultTable.Number(Runs), Machine.Runtime, ResultTable.Day(Date));
    }

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string> model = new("--model") { Description = "Configuration: a name of weights/configs or a JSON file.", DefaultValueFactory = _ => "vit-b-16" };
        Option<string> device = new("--device") { Description = "cpu, cuda:0, opencl:0.", DefaultValueFactory = _ => "cpu" };
        Option<int> images = new("--images") { Description = "Normal images in a step.", DefaultValueFactory = _ => 1 };
        Option<int> threads = new("--threads") { Description = "Threads of the cpu device; 0 takes all processors." };
        Option<int> runs = new("--runs") { Description = "Runs of either, of which the medians are compared.", DefaultValueFactory = _ => 5 };
        Option<bool> json = new("--json") { Description = "One JSON object." };
        Option<string?> results = ResultTable.CreateOption();
        RootCommand command = new("An optimiser step of the default method against a forward pass of the same images.") { model, device, images, threads, runs, json, results };
        command.SetAction(parsed =>
        {
            var result = Measure(parsed.GetValue(model)!, parsed.GetValue(device)!, BenchmarkCommand.InRange(images.Name, parsed.GetValue(images), 1, 1024),
                parsed.GetValue(threads), BenchmarkCommand.InRange(runs.Name, parsed.GetValue(runs), 1, 100_000));
            Console.WriteLine(parsed.GetValue(json)
                ? JsonSerializer.Serialize(result, Json)
                : string.Create(CultureInfo.InvariantCulture,
                    $"{result.Model} on {result.Processor}: step {result.StepMs:f0} ms, forward of its {result.TowerImages} tower images {result.ForwardMs:f0} ms, {result.Multiple:f2} times"));
            result.Put(parsed.GetValue(results));
            return 0;
        });
        return command;
    }

    private static Result Measure(string model, string device, int images, int threads, int runs)
    {
        using var backend = Backends.Open(device, threads);
        using var clip = ClipModel.Create(ClipWeights.Random(ClipConfig.Find(model), seed: 0), backend);
        var options = new TrainingOptions { Batch = images };
        var random = new Random(0);
        RgbImage[] pictures = [.. Enumerable.Range(0, images).Select(_ =>
        {
            var pixels = new byte[3 * 256 * 256];
            random.NextBytes(pixels);
            return new RgbImage(256, 256, pixels);
        })];
        int[][] rows = ClassNames.TokenRows(["part"], options.TextPromptLength, clip.Config);
        using var trainer = new Trainer(clip, options, [ClassImages.Of("part", pictures)], rows);
        int towerImages = 2 * images * options.Views;
        using var forward = clip.Vision.CreateActivations(new VisionRequest(towerImages) { PatchTokens = true });
        var pixels = new float[forward.Images.Count];
        backend.Write(forward.Images, pixels);
        List<double> steps = [], passes = [];
        for (int run = -2; run < runs; run++)
        {
            double step = Time(() => trainer.TakeStep()), pass = Time(() =>
            {
                clip.Vision.Forward(forward, PromptInjection.None);
                backend.Synchronize();
            });
            if (run < 0)
                continue; // compilation and first touch
            steps.Add(step);
            passes.Add(pass);
        }
        double stepMs = Median(steps), forwardMs = Median(passes);
        return new(model, backend.Device.Id, (backend as CpuBackend)?.Threads ?? 0, images, towerImages, Math.Round(stepMs, 1), Math.Round(forwardMs, 1), Math.Round(stepMs / forwardMs, 3), runs,
            $"{backend.Device.Name}, {backend.Device.Details}", Machine.Now);
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values.Count % 2 == 1 ? values[values.Count / 2] : (values[values.Count / 2 - 1] + values[values.Count / 2]) / 2;
    }
}
