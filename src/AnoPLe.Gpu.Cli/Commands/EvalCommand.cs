using System.CommandLine;
using System.CommandLine.Parsing;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople eval: the benchmark table of a dataset.</summary>
internal static class EvalCommand
{
    private const string FitOnly = "fit", TrainOnly = "train", Both = "both";

    /// <summary>What the command line asks for.</summary>
    private sealed record Request(string Data, string Weights, IReadOnlyList<EvalMethod> Methods, bool Ablation, IReadOnlyList<int> Shots, int Seeds, string? Output,
        bool HeatMaps, string[] Categories, string Device, int Threads);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string> data = CommonOptions.NoOptions(new Argument<string>("data") { Description = "A dataset (MVTec AD or VisA layout, or folders of normal and defective images), or one category of it." });
        Option<string> weights = CommonOptions.Weights();
        Option<NumberList> shots = CommonOptions.Numbers("--shots", "Numbers of normal images to fit or train on.", 1, 2, 4);
        Option<int> seeds = CommonOptions.Checked(
            new Option<int>("--seeds") { Description = "How many draws of the shots: seeds 0 to N-1, which also seed the trainings.", DefaultValueFactory = _ => 5, HelpName = "N" },
            n => n is >= 1 and <= 1000, "1 to 1000");
        Option<string> method = CommonOptions.Checked(new Option<string>("--method")
        {
            Description = "fit: the memory bank alone, in seconds. train: the method, one training per category, number of shots and seed. both: compare them.",
            DefaultValueFactory = _ => FitOnly,
            HelpName = $"{FitOnly}|{TrainOnly}|{Both}",
        }, name => name is FitOnly or TrainOnly or Both, $"{FitOnly}, {TrainOnly} or {Both}");
        Option<bool> ablation = new("--ablation") { Description = "Compare the method with 10 others that each leave out or move one part of it, as the paper does." };
        Option<string?> output = new("--out") { Description = "Folder for results.json, results.csv and the losses of the trainings.", HelpName = "DIR" };
        Option<bool> heatMaps = new("--heatmaps") { Description = "Also write heat maps to DIR/heatmaps (first seed, most shots, trained if anything is)." };
        Option<string[]> category = new("--category") { Description = "Only this category; may be repeated.", HelpName = "NAME" };
        var training = new MethodOptions(new TrainingOptions());
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("eval", "Make detectors for every category of a dataset and score it; print image and pixel metrics, mean and deviation over the seeds. " +
            "Nothing is chosen on the test images: a training's last epoch counts.")
        {
            data, weights, method, ablation, shots, seeds, output, heatMaps, category, device, threads, json,
        };
        training.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(heatMaps) && result.GetValue(output) is null)
                result.AddError("--heatmaps needs --out DIR.");
            if (result.GetValue(ablation) && result.GetResult(method) is { Implicit: false })
                result.AddError("--method has no place beside --ablation, which has methods of its own. Leave one of them out.");
            if (!result.GetValue(ablation) && Text(result, method) is null or FitOnly && training.Given(result) is { } given)
                result.AddError($"{given} is about training. Add --method train, --method both or --ablation.");
        });
        command.Examples(
            "anople eval mvtec --weights ViT-B-16-plus-240.safetensors --shots 1,2,4 --seeds 5 --method both --out results",
            "anople eval mvtec/bottle --weights ViT-B-16-plus-240.safetensors --shots 4 --seeds 1 --out results --heatmaps",
            "anople eval mvtec/bottle --weights ViT-B-16-plus-240.safetensors --shots 1 --ablation --out ablation",
            "anople eval mvtec --weights nano --json");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(parse.GetValue(data)!, parse.GetValue(weights)!, Methods(parse.GetValue(ablation) ? null : parse.GetValue(method), training.Read(parse)),
                parse.GetValue(ablation), parse.GetValue(shots)!.Values, parse.GetValue(seeds), parse.GetValue(output), parse.GetValue(heatMaps),
                parse.GetValue(category)!, parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    // The option's text, also where it is not valid.
    private static string? Text(CommandResult result, Option option) => result.GetResult(option)?.Tokens is [var token, ..] ? token.Value : null;

    private static IReadOnlyList<EvalMethod> Methods(string? method, TrainingOptions options) => method switch
    {
        null => EvalMethod.Ablation(options),
        TrainOnly => [EvalMethod.Train(options)],
        Both => [EvalMethod.Fit, EvalMethod.Train(options)],
        _ => [EvalMethod.Fit],
    };

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        Dataset dataset = Choose(Dataset.Open(request.Data), request.Categories);
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        string? folder = request.Output is null ? null : OutputFiles.Folder(request.Output);
        terminal.Note($"Model: {model.Describe()}");
        foreach (string line in dataset.Report().Split('\n', StringSplitOptions.RemoveEmptyEntries))
            terminal.Note(line.TrimEnd('\r'));
        var plan = new EvalPlan(request.Methods, request.Shots, [.. Enumerable.Range(0, request.Seeds)], request.HeatMaps ? Path.Combine(folder!, "heatmaps") : null);
        foreach (var method in request.Methods.Where(method => method.Training is not null).Take(1))
            terminal.Note($"Training, each: {string.Join("; ", request.Shots.Select(shots => TrainingPlan.Of(method.Training!, shots)))}");
        var results = new ResultFolder(folder);
        EvalReport report = terminal.WithProgress(progress => new DatasetEvaluation(model, dataset, plan, results.Save).Run(progress, terminal.Problem, cancellation));
        terminal.ShowJson(report);
        string over = request.Seeds == 1 ? "seed 0" : $"mean ± sample deviation over {request.Seeds} seeds";
        string categories = request.Ablation && dataset.Categories.Count > 1 ? $"; mean over {dataset.Categories.Count} categories" : "";
        terminal.Say($"Percent, higher is better; {over}{categories}:");
        terminal.Show(request.Ablation ? EvalTables.AblationTable(report) : EvalTables.Table(report));
        if (request.Methods is [{ Training: null }])
            terminal.Say("The memory bank alone. --method train evaluates the trained method, --method both compares the two.");
        if (folder is not null && results.Problem is null)
            terminal.Say($"Written: {Path.Combine(request.Output!, "results.json")}, results.csv{(report.Runs.Any(run => run.EpochLosses.Count > 0) ? ", losses/" : "")}{(request.HeatMaps ? ", heatmaps/" : "")}");
        if (request.HeatMaps)
            ShowLegends(terminal, report, plan);
        return Finish(terminal, report, results.Problem);
    }

    /// <summary>The colour scale of every category's heat maps.</summary>
    public static void ShowLegends(Terminal terminal, EvalReport report, EvalPlan plan)
    {
        foreach (var run in report.Runs.Where(run => run.Method == plan.Shown.Name && run.Seed == plan.Seeds[0] && run.Shots == plan.Shots.Max()))
            terminal.Say($"  {run.Category}: {HeatMapFolder.LegendOf(run.Calibration, plan.Shown.Training is not null)}");
    }

    /// <summary>Says what is missing in the numbers, if anything.</summary>
    /// <returns>The exit code.</returns>
    public static int Finish(Terminal terminal, EvalReport report, string? unsaved)
    {
        if (report.Skipped.Count > 0)
            terminal.Note($"error: {report.Skipped.Count} test images could not be read and are not in these numbers.");
        if (report.Failed.Count > 0)
            terminal.Note($"error: {report.Failed.Count} of {report.Planned} runs failed and are not in these numbers.");
        if (unsaved is not null)
            terminal.Note($"error: {unsaved} The numbers above are all there is.");
        if (report.Runs.Count + report.Failed.Count < report.Planned)
            terminal.Note($"cancelled: {report.Runs.Count} of {report.Planned} runs were finished; the numbers are theirs (\"complete\": false).");
        return report.Complete && report.Skipped.Count == 0 && unsaved is null ? CommandLine.Fine : CommandLine.Failed;
    }

    private static Dataset Choose(Dataset dataset, string[] names)
    {
        if (names.Length == 0)
            return dataset;
        foreach (string name in names)
            if (dataset.Categories.All(category => category.Name != name))
                throw new ArgumentException(
                    $"{dataset.Folder} has no category '{name}', expected one of: {string.Join(", ", dataset.Categories.Select(category => category.Name))}.");
        return dataset with { Categories = [.. dataset.Categories.Where(category => names.Contains(category.Name))] };
    }
}
