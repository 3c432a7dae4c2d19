using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople fit: a detector file from a few normal images.</summary>
internal static class FitCommand
{
    // All images are decoded before fitting, and every one adds its patches to the bank.
    private const int MostImages = 64;

    /// <summary>What the command line asks for.</summary>
    private sealed record Request(string[] Images, string Weights, string ClassName, string Output, int? Shots, int Seed, float? Threshold, string Device, int Threads);

    /// <summary>What --json prints.</summary>
    private sealed record FitJson(string Detector, string ClassName, ModelJson Model, IReadOnlyList<int> MemoryLayers, Calibration Calibration,
        IReadOnlyList<FittedImage> Fitted);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string[]> images = CommonOptions.NoOptions(new Argument<string[]>("images") { Description = "Images without defects, or folders of them (a dataset's category counts: its training images).", Arity = ArgumentArity.OneOrMore });
        Option<string> weights = CommonOptions.Weights();
        Option<string> className = new("--class") { Description = "The product in plain words, such as \"metal nut\".", HelpName = "NAME", Required = true };
        Option<string> output = new("--out") { Description = "The detector file to write.", HelpName = "FILE", Required = true };
        Option<int?> shots = CommonOptions.Checked(new Option<int?>("--shots") { Description = "Draw this many of the images; all of them otherwise.", HelpName = "K" },
            k => k is null or >= 1, "1 or more");
        Option<int> seed = CommonOptions.Seed("Draws the shots.");
        Option<float?> threshold = CommonOptions.Checked(
            new Option<float?>("--threshold") { Description = "Score above which an image is anomalous; derived from the normal images otherwise.", HelpName = "SCORE" },
            t => t is null || float.IsFinite(t.Value), "a finite number");
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("fit", "Fit a detector on a few normal images and save it.") { images, weights, className, output, shots, seed, threshold, device, threads, json };
        command.Examples(
            "anople fit --weights ViT-B-16-plus-240.safetensors --class bottle --out bottle.anople good/1.png good/2.png",
            "anople fit --weights ViT-B-16-plus-240.safetensors --class bottle --out bottle.anople --shots 4 --seed 0 mvtec/bottle/train/good");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(parse.GetValue(images)!, parse.GetValue(weights)!, parse.GetValue(className)!, parse.GetValue(output)!, parse.GetValue(shots),
                parse.GetValue(seed), parse.GetValue(threshold), parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        OutputFiles.RequireFolderOf(request.Output);
        IReadOnlyList<string> files = Draw([.. request.Images.SelectMany(ImageFiles.Normal).Distinct()], request.Shots, request.Seed);
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        terminal.Note($"Model: {model.Describe()}");
        using AnomalyDetector detector = terminal.WithProgress(progress =>
            AnomalyDetector.Fit(model.Clip, request.ClassName, files, new FitOptions { Threshold = request.Threshold }, progress, cancellation));
        detector.Save(request.Output);
        FittedImage[] fitted = [.. detector.Shots.Select(shot => new FittedImage(shot.Name, shot.Sha256))];
        terminal.ShowJson(new FitJson(Path.GetFullPath(request.Output), detector.ClassName, model.ToJson(), detector.MemoryLayers, detector.Calibration, fitted));
        var table = new ResultTable("normal image", "SHA-256");
        foreach (var shot in fitted)
            table.Add(shot.Name, shot.Sha256);
        terminal.Show(table);
        terminal.Say($"Class: {detector.ClassName}; memory of blocks {string.Join(" and ", detector.MemoryLayers)}");
        terminal.Say(string.Create(CultureInfo.InvariantCulture, $"Anomalous above {detector.Calibration.Threshold:G4} ({Origin(detector.Calibration)})"));
        terminal.Say($"Written: {request.Output}");
        return CommandLine.Fine;
    }

    private static string Origin(Calibration calibration) => calibration.NormalScores.Count == 0
        ? "given"
        : string.Create(CultureInfo.InvariantCulture, $"from {calibration.NormalScores.Count} scores of normal images, {calibration.NormalScores.Min():G4} to {calibration.NormalScores.Max():G4}");

    // File names decide where they can, so that the draw does not depend on where the folder lies.
    private static IReadOnlyList<string> Draw(IReadOnlyList<string> files, int? shots, int seed)
    {
        if (shots is { } count)
        {
            bool distinct = files.Select(Path.GetFileName).Distinct().Count() == files.Count;
            Dictionary<string, string> byName = files.ToDictionary(path => distinct ? Path.GetFileName(path) : path);
            files = [.. ShotSelector.Choose(byName.Keys, count, seed).Select(name => byName[name])];
        }
        return files.Count <= MostImages ? files : throw new ArgumentException(
            $"{files.Count} normal images were found, expected at most {MostImages}: a few are enough. Draw some of them with --shots 4.");
    }
}
