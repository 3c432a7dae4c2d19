using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople fit: a detector file from a few normal images, without training.</summary>
internal static class FitCommand
{
    /// <summary>What the command line asks for.</summary>
    private sealed record Request(IReadOnlyList<ClassFiles> Classes, string Weights, string Output, float? Threshold, string Device, int Threads);

    /// <summary>What --json prints. ClassName and Calibration are those of the first class.</summary>
    private sealed record FitJson(string Detector, string ClassName, ModelJson Model, IReadOnlyList<int> MemoryLayers, Calibration Calibration,
        IReadOnlyList<FittedImage> Fitted, IReadOnlyList<ClassJson> Classes);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        var normal = new NormalImages("Draws the shots.");
        Option<string> weights = CommonOptions.Weights();
        Option<string> output = DetectorOutput.Option();
        Option<float?> threshold = CommonOptions.Threshold();
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("fit", "Fit a detector on a few normal images and save it. Nothing is trained: it takes seconds.") { weights, output, threshold, device, threads, json };
        normal.AddTo(command);
        command.Examples(
            "anople fit --weights ViT-B-16-plus-240.safetensors --class bottle --out bottle.anople good/1.png good/2.png",
            "anople fit --weights ViT-B-16-plus-240.safetensors --class bottle --out bottle.anople --shots 4 --seed 0 mvtec/bottle/train/good",
            "anople fit --weights ViT-B-16-plus-240.safetensors --class bottle=mvtec/bottle --class metal_nut=mvtec/metal_nut --shots 4 --out parts.anople");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(normal.Find(parse), parse.GetValue(weights)!, parse.GetValue(output)!, parse.GetValue(threshold), parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        OutputFiles.RequireFolderOf(request.Output);
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        terminal.Note($"Model: {model.Describe()}");
        ClassImages[] classes = [.. request.Classes.Select(files => ClassImages.Load(files.Name, files.Paths))];
        using AnomalyDetector detector = terminal.WithProgress(progress =>
            AnomalyDetector.Fit(model.Clip, classes, new FitOptions { Threshold = request.Threshold }, progress, cancellation));
        detector.Save(request.Output);
        IReadOnlyList<ClassJson> made = ClassJson.Of(detector, classes);
        terminal.ShowJson(new FitJson(Path.GetFullPath(request.Output), detector.ClassName, model.ToJson(), detector.MemoryLayers, detector.Calibration,
            [.. made.SelectMany(c => c.Fitted)], made));
        DetectorOutput.Show(terminal, detector, made);
        terminal.Say($"Written: {request.Output}");
        return CommandLine.Fine;
    }
}

/// <summary>What fit and train say of the detector they made.</summary>
internal static class DetectorOutput
{
    /// <summary>--out.</summary>
    public static Option<string> Option() => new("--out") { Description = "The detector file to write.", HelpName = "FILE", Required = true };

    /// <summary>The images it was made of, its memory, and where its thresholds come from.</summary>
    public static void Show(Terminal terminal, AnomalyDetector detector, IReadOnlyList<ClassJson> classes)
    {
        bool several = classes.Count > 1;
        var table = several ? new ResultTable("class", "normal image", "SHA-256") : new ResultTable("normal image", "SHA-256");
        foreach (var c in classes)
            foreach (var shot in c.Fitted)
                table.Add([.. several ? [c.Name] : Array.Empty<string>(), shot.Name, shot.Sha256]);
        terminal.Show(table);
        string memory = detector.MemoryLayers.Count == 0 ? "no memory bank" : $"memory of blocks {string.Join(" and ", detector.MemoryLayers)}";
        terminal.Say($"Class: {string.Join(", ", detector.ClassNames)}; {memory}");
        foreach (var c in classes)
            terminal.Say(string.Create(CultureInfo.InvariantCulture,
                $"Anomalous above {c.Calibration.Threshold:G4} ({(several ? c.Name + ", " : "")}{Origin(c.Calibration)})"));
    }

    private static string Origin(Calibration calibration) => calibration.NormalScores.Count == 0
        ? "given"
        : string.Create(CultureInfo.InvariantCulture, $"from {calibration.NormalScores.Count} scores of normal images, {calibration.NormalScores.Min():G4} to {calibration.NormalScores.Max():G4}");
}
