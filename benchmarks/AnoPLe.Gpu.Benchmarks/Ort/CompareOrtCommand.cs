using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Weights;
using Microsoft.ML.OnnxRuntime;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>compare-ort: throughput of the image tower on the CPU backend against ONNX Runtime, same weights, same images, same threads.</summary>
internal static class CompareOrtCommand
{
    // Both sides add in float in different orders; what differs by more than this part of the largest value is an error, not rounding.
    private const double Tolerance = 1e-3;

    public const int Failure = 1, BadArguments = 2;

    public static async Task<int> Run(string[] args)
    {
        var parsed = Build().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync(error.Message);
            return BadArguments;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (ArgumentException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return BadArguments;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OnnxRuntimeException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return Failure;
        }
        catch (OperationCanceledException)
        {
            return Failure;
        }
    }

    private static RootCommand Build()
    {
        Option<string> model = new("--model") { Description = "Configuration: a name of weights/configs or a JSON file.", DefaultValueFactory = _ => "vit-b-16-plus-240" };
        Option<string> batch = new("--batch") { Description = "Images of one call, several with commas.", DefaultValueFactory = _ => "1,8" };
        Option<string> threads = new("--threads") { Description = "Threads of either side, several with commas.", DefaultValueFactory = _ => "1,2" };
        Option<string> outputs = new("--outputs") { Description = "all: image features and patch tokens. features: image features alone.", DefaultValueFactory = _ => "all" };
        Option<int> runs = new("--runs") { Description = "Runs of either side, of which the medians are compared.", DefaultValueFactory = _ => 15 };
        Option<string?> weights = new("--weights") { Description = "A safetensors file; seeded random weights when not given." };
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        outputs.AcceptOnlyFromAmong("all", "features");
        RootCommand command = new("The image tower on the CPU backend against ONNX Runtime: same weights, images and threads, interleaved runs, medians.") { model, batch, threads, outputs, runs, weights, json };
        command.SetAction((parsed, cancellation) =>
        {
            int count = parsed.GetValue(runs);
            if (count is < 1 or > 100_000)
                throw new ArgumentException($"--runs is 1 to 100000, got {count}.");
            return Task.FromResult(Compare(parsed.GetValue(model)!, Numbers("--batch", parsed.GetValue(batch)!, 1024),
                Numbers("--threads", parsed.GetValue(threads)!, CpuBackend.MaxThreads), parsed.GetValue(outputs) == "all", count,
                parsed.GetValue(weights), parsed.GetValue(json), cancellation));
        });
        return command;
    }

    private static int Compare(string model, int[] batches, int[] threads, bool patchTokens, int runs, string? weightsPath, bool json, CancellationToken cancellation)
    {
        // The resolution is part of the name here and there; weights/configs leaves it out where it is the usual one.
        var config = ClipConfig.Find(model == "vit-b-16-224" ? "vit-b-16" : model);
        using var weights = weightsPath is null ? ClipWeights.Random(config, seed: 0) : ClipWeights.Load(weightsPath, config);
        if (!json)
            Console.WriteLine($"{CpuBackend.Describe().Name}; {Runtime}\n{config}\n{"batch",6}{"threads",9}{"ours/s",10}{"ORT/s",10}{"ratio",8}{"max diff",11}");
        foreach (int batch in batches)
            foreach (int count in threads)
            {
                var result = Measure(model, config, weights, batch, count, patchTokens, runs, cancellation);
                Console.WriteLine(json ? result.ToJson() : string.Create(CultureInfo.InvariantCulture,
                    $"{batch,6}{count,9}{result.OursImagesPerS,10:f2}{result.OrtImagesPerS,10:f2}{result.Ratio,8:f3}{result.MaxAbsDiff,11:e1}"));
                if (!(result.MaxAbsDiff <= Tolerance * result.MaxAbsFeature))
                {
                    Console.Error.WriteLine($"The outputs differ by {result.MaxAbsDiff:g3}, the largest value is {result.MaxAbsFeature:g3}: one side is wrong.");
                    return Failure;
                }
            }
        return 0;
    }

    private static string Runtime => $"{RuntimeInformation.FrameworkDescription}, ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    private static OrtComparison Measure(string model, ClipConfig config, ClipWeights weights, int batch, int threads, bool patchTokens, int runs, CancellationToken cancellation)
    {
        var random = new Random(batch);
        var images = new float[batch * 3 * config.ImageSize * config.ImageSize];
        for (int i = 0; i < images.Length; i++)
            images[i] = 4 * random.NextSingle() - 2;
        using var ours = new OurSide(weights, images, batch, threads, patchTokens);
        using var theirs = new OrtSide(config, weights, images, batch, threads, patchTokens);
        // Compiled and warm before the first measured run; the JIT needs several calls to reach its last tier.
        for (int i = 0; i < 3; i++)
        {
            ours.Run();
            theirs.Run();
        }
        var (oursSeconds, theirSeconds) = InterleavedTiming.Medians(ours.Run, theirs.Run, runs, cancellation);
        double difference = Math.Max(MaxDifference(ours.Features, theirs.Features), MaxDifference(ours.PatchTokens, theirs.PatchTokens));
        double largest = theirs.Features.Max(Math.Abs);
        return new(model, batch, threads, patchTokens ? "all" : "features", Round(batch / oursSeconds), Round(batch / theirSeconds), Round(theirSeconds / oursSeconds), difference, largest,
            runs, $"{CpuBackend.Describe().Name}, {CpuBackend.Describe(threads).Details.Split(',')[0]}", Runtime, DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
    }

    private static double Round(double value) => Math.Round(value, 4);

    private static double MaxDifference(float[] a, float[] b)
    {
        double max = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double difference = Math.Abs((double)a[i] - b[i]);
            max = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(max, difference);
        }
        return max;
    }

    private static int[] Numbers(string option, string list, int largest)
    {
        string[] parts = list.Split(',');
        var numbers = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] < 1 || numbers[i] > largest)
                throw new ArgumentException($"{option} takes numbers from 1 to {largest} with commas between, got '{list}'.");
        return numbers;
    }
}
