using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople demo: from nothing but the program to a table and heat maps.</summary>
internal static class DemoCommand
{
    private const string RandomNano = "random:nano:0";

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Option<string> output = new("--out") { Description = "Folder for images, heat maps and results.", DefaultValueFactory = _ => "anople-demo", HelpName = "DIR" };
        Option<string> weights = CommonOptions.Weights(required: false);
        weights.DefaultValueFactory = _ => RandomNano;
        Option<int> shots = CommonOptions.Checked(
            new Option<int>("--shots") { Description = "Normal images to fit on per category.", DefaultValueFactory = _ => 4, HelpName = "K" },
            k => k is >= 1 and <= 8, "1 to 8");
        Option<int> seed = CommonOptions.Seed("Draws the demo images and the shots.");
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("demo", "Make a small set of images with defects, fit on 4 normal ones, score the others, write heat maps.")
        {
            output, weights, shots, seed, device, threads, json,
        };
        command.Examples("anople demo", "anople demo --weights ViT-B-16-plus-240.safetensors --out demo-real");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)), parse.GetValue(output)!, parse.GetValue(weights)!, parse.GetValue(shots),
            parse.GetValue(seed), parse.GetValue(device)!, parse.GetValue(threads), cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string output, string weights, int shots, int seed, string device, int threads, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        string folder = OutputFiles.Folder(output), data = OutputFiles.Folder(Path.Combine(folder, "data"));
        using var model = CommonOptions.OpenModel(weights, device, threads);
        terminal.Note($"Model: {model.Describe()}");
        EvalReport report = terminal.WithProgress(progress =>
        {
            DemoImages.Write(data, seed, cancellationToken: cancellation);
            return new DatasetEvaluation(model, Demo(data), [shots], [seed], Path.Combine(folder, "heatmaps"), report => Save(folder, report))
                .Run(progress, terminal.Problem, cancellation);
        });
        terminal.ShowJson(report);
        terminal.Say();
        terminal.Say($"Fitted on {shots} normal images per category, scored {report.Runs.Sum(run => run.Images.Count)} others (percent, higher is better):");
        terminal.Show(EvalTables.Table(report.Summary));
        terminal.Say($"Heat maps (image | mask | map | overlay), one colour scale per category: {Path.Combine(output, "heatmaps")}");
        foreach (var run in report.Runs)
            terminal.Say($"  {run.Category}: {HeatMapFolder.Legend(run.Calibration)}");
        terminal.Say($"Images: {Path.Combine(output, "data")}, all numbers: {Path.Combine(output, "results.json")}");
        terminal.Say(string.Create(CultureInfo.InvariantCulture, $"Took {watch.Elapsed.TotalSeconds:F1} s."));
        if (CommonOptions.IsRandom(weights))
        {
            terminal.Say();
            terminal.Say("These weights are random: the network has learned nothing, the table only shows that every part works. What it finds, it finds");
            terminal.Say("because even random features of unseen texture differ. With CLIP's real weights (safetensors, see README.md):");
            terminal.Say("  anople demo --weights FILE.safetensors");
        }
        return report.Skipped.Count == 0 ? CommandLine.Fine : CommandLine.Failed;
    }

    // Category by category, because the folder may hold other things from before.
    private static Dataset Demo(string folder) => new(folder, DatasetLayout.MvtecAd,
        [.. DemoImages.Categories.Select(category => Dataset.Open(Path.Combine(folder, category)).Categories[0])], []);

    private static void Save(string folder, EvalReport report) => OutputFiles.WriteText(Path.Combine(folder, "results.json"), ResultJson.Text(report) + "\n");
}
