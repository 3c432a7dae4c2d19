using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Features;

/// <summary>features: what a model's patch features are worth to a memory bank, against random weights of its shape and against plain image processing.</summary>
internal static class FeaturesCommand
{
    /// <summary>The built-in model, as the anople command names it.</summary>
    private const string BuiltIn = "nano";

    /// <summary>Where the features come from, the first one measured against the others.</summary>
    private static readonly string[] Sources = ["weights", "random", "colour and gradient"];

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string> weights = new("--weights") { Description = "A safetensors file, or nano, the model in the box.", DefaultValueFactory = _ => BuiltIn };
        Option<string[]> data = new("--data") { Description = "A dataset or a category; several may be named.", AllowMultipleArgumentsPerToken = true };
        Option<int> demoSeeds = new("--demo") { Description = "Also the demo's categories, drawn from this many seeds, 0 on.", DefaultValueFactory = _ => 0 };
        Option<int> shots = new("--shots") { Description = "Normal images to remember.", DefaultValueFactory = _ => 4 };
        Option<int> seeds = new("--seeds") { Description = "Draws of the shots; the random weights have the same seeds.", DefaultValueFactory = _ => 5 };
        Option<string> device = new("--device") { Description = "Where it is computed; cpu/bf16 shows what weights in bf16 cost.", DefaultValueFactory = _ => "cpu" };
        Option<int> threads = new("--threads") { Description = "Threads of the processor; 0 takes all." };
        Option<string?> output = new("--out") { Description = "Also write the table to this Markdown file." };
        RootCommand command = new("Image and pixel AUROC of a memory bank, by features.") { weights, data, demoSeeds, shots, seeds, device, threads, output };
        command.SetAction(parsed =>
        {
            string[] folders = parsed.GetValue(data) ?? [];
            int demos = BenchmarkCommand.InRange(demoSeeds.Name, parsed.GetValue(demoSeeds), 0, 100);
            if (folders.Length == 0 && demos == 0)
                throw new ArgumentException("Nothing to measure: name a dataset with --data, or draw the demo's with --demo 1.");
            int k = BenchmarkCommand.InRange(shots.Name, parsed.GetValue(shots), 1, 1000), n = BenchmarkCommand.InRange(seeds.Name, parsed.GetValue(seeds), 1, 1000);
            using Backend backend = Backends.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            string report = Report(backend, parsed.GetValue(weights)!, folders, demos, k, n);
            Console.Write(report);
            if (parsed.GetValue(output) is { } path)
                Weights.Download.JsonFile.WriteText(Path.GetFullPath(path), report);
            return 0;
        });
        return command;
    }

    private static string Report(Backend backend, string weights, string[] folders, int demos, int shots, int seeds)
    {
        using ClipModel clip = weights == BuiltIn ? ClipModel.Nano(backend) : ClipModel.Load(weights, backend);
        ClipConfig config = clip.Config;
        RgbImage Resize(RgbImage image) => clip.Preprocessing.Resize(image);
        FeatureCategory[] categories = [.. folders.SelectMany(folder => FeatureCategory.Open(folder, Resize)),
            .. Enumerable.Range(0, demos).SelectMany(seed => FeatureCategory.Demo(seed, Resize))];
        // [source][category][seed]
        var measured = Array.ConvertAll(Sources, _ => Array.ConvertAll(categories, _ => new FeatureQuality[seeds]));
        for (int seed = 0; seed < seeds; seed++)
        {
            using ClipModel random = ClipModel.Create(ClipWeights.Random(config, (ulong)seed), backend);
            for (int c = 0; c < categories.Length; c++)
            {
                string name = categories[c].Name;
                measured[0][c][seed] = FeatureQuality.Measure(categories[c], shots, seed, images => new TowerDetector(AnomalyDetector.Fit(clip, name, images)));
                measured[1][c][seed] = FeatureQuality.Measure(categories[c], shots, seed, images => new TowerDetector(AnomalyDetector.Fit(random, name, images)));
                measured[2][c][seed] = FeatureQuality.Measure(categories[c], shots, seed,
                    images => new ColourGradientDetector(backend, images, config.ImageSize, config.PatchSize, new FitOptions().SmoothSigma));
            }
        }
        string head = string.Create(CultureInfo.InvariantCulture, $"Memory bank without training, {shots} shots, {seeds} seeds. Weights: {weights}, SHA-256 of its values {clip.WeightsHash}. " +
            $"Percent, mean ± sample deviation over the seeds. Precision: {backend.Precision}. {Machine.Cpu}; {Machine.Runtime}; {Machine.Now[..10]}.");
        return FeatureTable.Write(head, Sources, categories, measured);
    }
}
