using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople demo: from nothing but the program to a table and heat maps, fitted against trained.</summary>
internal static class DemoCommand
{
    /// <summary>What the demo trains unless told otherwise: so little that the whole demo ends within three minutes on two cores.</summary>
    private static TrainingOptions Standard { get; } = new() { Epochs = 40, MinSteps = 0, Batch = 4, Views = 1, Hidden = 64 };

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Option<string> output = new("--out") { Description = "Folder for images, heat maps and results.", DefaultValueFactory = _ => "anople-demo", HelpName = "DIR" };
        Option<string> weights = CommonOptions.Weights(required: false);
        weights.DefaultValueFactory = _ => CommonOptions.BuiltIn;
        Option<int> shots = CommonOptions.Checked(
            new Option<int>("--shots") { Description = "Normal images to fit and train on per category.", DefaultValueFactory = _ => 4, HelpName = "K" },
            k => k is >= 1 and <= 8, "1 to 8");
        Option<int> seed = CommonOptions.Seed("Draws the demo images and the shots, and seeds the trainings.");
        var method = new MethodOptions(Standard);
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("demo", "Make a small set of images with defects, fit and train on 4 normal ones, score the others, compare, write heat maps. " +
            "Its training is short; the method's own defaults are those of 'anople train'.")
        {
            output, weights, shots, seed, device, threads, json,
        };
        method.AddTo(command);
        command.Examples("anople demo", "anople demo --weights random:nano:0 --out demo-random", "anople demo --weights ViT-B-16-plus-240.safetensors --out demo-real", "anople demo --epochs 400 --views 5 --hidden 256");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)), parse.GetValue(output)!, parse.GetValue(weights)!, parse.GetValue(shots),
            parse.GetValue(seed), method.Read(parse), parse.GetValue(device)!, parse.GetValue(threads), cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string output, string weights, int shots, int seed, TrainingOptions options, string device, int threads,
        CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        // The model first: a device that is not there should leave no folders behind.
        using var model = CommonOptions.OpenModel(weights, device, threads);
        string folder = OutputFiles.Folder(output), data = OutputFiles.Folder(Path.Combine(folder, "data"));
        var plan = new EvalPlan([EvalMethod.Fit, EvalMethod.Train(options)], [shots], [seed], Path.Combine(folder, "heatmaps"));
        terminal.Note($"Model: {model.Describe()}");
        terminal.Note($"Training per category: {TrainingPlan.Of(options, shots)}");
        var results = new ResultFolder(folder);
        EvalReport report = terminal.WithProgress(progress =>
        {
            DemoImages.Write(data, seed, cancellationToken: cancellation);
            return new DatasetEvaluation(model, Demo(data), plan, results.Save).Run(progress, terminal.Problem, cancellation);
        });
        terminal.ShowJson(report);
        Show(terminal, report, plan, output, TrainingPlan.Of(options, shots));
        terminal.Say(string.Create(CultureInfo.InvariantCulture, $"Took {watch.Elapsed.TotalSeconds:F1} s."));
        if (weights == CommonOptions.BuiltIn)
        {
            terminal.Say();
            terminal.Say("The model is nano, which comes with the program: small, trained on synthetic images alone. With CLIP's weights (README.md, Real weights):");
            terminal.Say("  anople demo --weights FILE.safetensors");
        }
        else if (CommonOptions.IsRandom(weights))
        {
            terminal.Say();
            terminal.Say("These weights are random: the network has learned nothing. What it finds, it finds because even random features of unseen texture differ.");
        }
        return EvalCommand.Finish(terminal, report, results.Problem);
    }

    private static void Show(Terminal terminal, EvalReport report, EvalPlan plan, string output, TrainingPlan training)
    {
        terminal.Say();
        terminal.Say($"Per category {plan.Shots[0]} normal images: fitted ({EvalMethod.Fit.Name}) and trained {training.Steps} steps; " +
            $"{report.Runs.GroupBy(run => run.Category).Sum(runs => runs.First().Images.Count)} others scored (percent, higher is better):");
        terminal.Show(EvalTables.Table(report));
        terminal.Say($"Heat maps (image | mask | map | overlay), one colour scale per category: {Path.Combine(output, "heatmaps")}");
        EvalCommand.ShowLegends(terminal, report, plan);
        terminal.Say($"Images: {Path.Combine(output, "data")}, losses: {Path.Combine(output, "losses")}, all numbers: {Path.Combine(output, "results.json")}");
    }

    // Category by category, because the folder may hold other things from before.
    private static Dataset Demo(string folder) => new(folder, DatasetLayout.MvtecAd,
        [.. DemoImages.Categories.Select(category => Dataset.Open(Path.Combine(folder, category)).Categories[0])], []);
}
