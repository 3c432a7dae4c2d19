using System.CommandLine;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople eval: the benchmark table of a dataset.</summary>
internal static class EvalCommand
{
    /// <summary>What the command line asks for.</summary>
    private sealed record Request(string Data, string Weights, int[] Shots, int Seeds, string? Output, bool HeatMaps, string[] Categories, string Device, int Threads);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string> data = CommonOptions.NoOptions(new Argument<string>("data") { Description = "A dataset (MVTec AD or VisA layout, or folders of normal and defective images), or one category of it." });
        Option<string> weights = CommonOptions.Weights();
        Option<int[]> shots = CommonOptions.Numbers("--shots", "Numbers of normal images to fit on.", [1, 2, 4]);
        Option<int> seeds = CommonOptions.Checked(
            new Option<int>("--seeds") { Description = "How many draws of the shots: seeds 0 to N-1.", DefaultValueFactory = _ => 5, HelpName = "N" },
            n => n is >= 1 and <= 1000, "1 to 1000");
        Option<string?> output = new("--out") { Description = "Folder for results.json and results.csv.", HelpName = "DIR" };
        Option<bool> heatMaps = new("--heatmaps") { Description = "Also write heat maps to DIR/heatmaps (first seed, most shots)." };
        Option<string[]> category = new("--category") { Description = "Only this category; may be repeated.", HelpName = "NAME" };
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("eval", "Fit and score every category of a dataset; print image and pixel metrics, mean and deviation over the seeds.")
        {
            data, weights, shots, seeds, output, heatMaps, category, device, threads, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(heatMaps) && result.GetValue(output) is null)
                result.AddError("--heatmaps needs --out DIR.");
        });
        command.Examples(
            "anople eval mvtec --weights ViT-B-16-plus-240.safetensors --out results",
            "anople eval mvtec/bottle --weights ViT-B-16-plus-240.safetensors --shots 4 --seeds 1 --out results --heatmaps",
            "anople eval mvtec --weights random:nano:0 --json");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(parse.GetValue(data)!, parse.GetValue(weights)!, parse.GetValue(shots)!, parse.GetValue(seeds), parse.GetValue(output),
                parse.GetValue(heatMaps), parse.GetValue(category) ?? [], parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        Dataset dataset = Choose(Dataset.Open(request.Data), request.Categories);
        string? folder = request.Output is null ? null : OutputFiles.Folder(request.Output);
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        terminal.Note($"Model: {model.Describe()}");
        foreach (string line in dataset.Report().Split('\n', StringSplitOptions.RemoveEmptyEntries))
            terminal.Note(line.TrimEnd('\r'));
        string? unsaved = null;
        EvalReport report = terminal.WithProgress(progress => new DatasetEvaluation(model, dataset, request.Shots, [.. Enumerable.Range(0, request.Seeds)],
            request.HeatMaps ? Path.Combine(folder!, "heatmaps") : null, report => unsaved = Save(folder, report)).Run(progress, terminal.Problem, cancellation));
        terminal.ShowJson(report);
        string over = request.Seeds == 1 ? "seed 0" : $"mean ± sample deviation over {request.Seeds} seeds";
        terminal.Say($"Percent, higher is better; {over}:");
        terminal.Show(EvalTables.Table(report.Summary));
        if (report.Skipped.Count > 0)
            terminal.Note($"error: {report.Skipped.Count} test images could not be read and are not in these numbers.");
        if (unsaved is not null)
            terminal.Note($"error: {unsaved} The numbers above are all there is.");
        else if (folder is not null)
            terminal.Say($"Written: {Path.Combine(request.Output!, "results.json")}, results.csv{(request.HeatMaps ? ", heatmaps/" : "")}");
        if (request.HeatMaps)
            foreach (var run in report.Runs.Where(run => run.Seed == 0 && run.Shots == request.Shots.Max()))
                terminal.Say($"  {run.Category}: {HeatMapFolder.Legend(run.Calibration)}");
        return report.Skipped.Count == 0 && unsaved is null ? CommandLine.Fine : CommandLine.Failed;
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

    // Returns what went wrong: hours of evaluation must not be lost to a full disk, the table is still printed.
    private static string? Save(string? folder, EvalReport report)
    {
        if (folder is null)
            return null;
        try
        {
            OutputFiles.WriteText(Path.Combine(folder, "results.csv"), EvalTables.Csv(report.Runs));
            OutputFiles.WriteText(Path.Combine(folder, "results.json"), ResultJson.Text(report) + "\n");
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }
}
