using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople score: what a saved detector says of images.</summary>
internal static class ScoreCommand
{
    /// <summary>What the command line asks for.</summary>
    private sealed record Request(string Detector, string[] Images, string Weights, string? HeatMaps, string? ClassName, string Device, int Threads);

    /// <summary>What --json prints.</summary>
    private sealed record ScoreJson(string Detector, string ClassName, float Threshold, ModelJson Model, IReadOnlyList<ImageJson> Images, IReadOnlyList<SkippedImage> Skipped);

    /// <summary>One image: score, verdict, the most anomalous place as a fraction of width and height, text score.</summary>
    private sealed record ImageJson(string File, float Score, Decision Decision, float PeakX, float PeakY, float TextScore, string? HeatMap);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string> detector = CommonOptions.NoOptions(new Argument<string>("detector") { Description = "A file written by 'anople fit' or 'anople train'." });
        Argument<string[]> images = CommonOptions.NoOptions(new Argument<string[]>("images") { Description = "Images, or folders of them.", Arity = ArgumentArity.OneOrMore });
        Option<string> weights = CommonOptions.Weights();
        Option<string?> heatMaps = new("--heatmaps") { Description = "Write image | map | overlay of every image to this folder.", HelpName = "DIR" };
        Option<string?> className = new("--class") { Description = "Which of the detector's products the images show, where it knows several.", HelpName = "NAME" };
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("score", "Score images with a saved detector: how anomalous, and where.") { detector, images, weights, className, heatMaps, device, threads, json };
        command.Examples(
            "anople score bottle.anople part.png --weights ViT-B-16-plus-240.safetensors",
            "anople score bottle.anople incoming/ --weights ViT-B-16-plus-240.safetensors --heatmaps maps --json",
            "anople score parts.anople part.png --weights ViT-B-16-plus-240.safetensors --class metal_nut");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(parse.GetValue(detector)!, parse.GetValue(images)!, parse.GetValue(weights)!, parse.GetValue(heatMaps),
                parse.GetValue(className), parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        List<SkippedImage> skipped = [];
        List<DatasetItem> items = [];
        foreach (string path in request.Images)
            items.AddRange(ImageFiles.ToScore(path));
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        // The weights are still being hashed; other ones are refused before the first score is known.
        using var detector = AnomalyDetector.Load(request.Detector, model.Clip, deferWeightsCheck: true);
        string className = Choose(detector, request);
        Calibration calibration = detector.CalibrationOf(className);
        string? folder = request.HeatMaps is null ? null : OutputFiles.Folder(request.HeatMaps);
        terminal.Note($"Model: {model.Describe()}");
        HeatMapFolder? panels = folder is null ? null : new HeatMapFolder(folder, calibration, detector.TrainingOptions is not null);
        List<ImageJson> scored = [];
        try
        {
            foreach (var batch in TestImages.Batches(items, Broken, cancellation))
            {
                var results = detector.Score([.. batch.Select(test => test.Image)], className, cancellation);
                if (scored.Count == 0)
                    SayHead(terminal, className, calibration);
                foreach (var (test, result) in batch.Zip(results))
                {
                    scored.Add(ToJson(test, result, panels?.Write(test.Item.Name, test.Image, test.Mask is { IsDefective: true } mask ? mask : null, result.Map)));
                    terminal.Say(string.Create(CultureInfo.InvariantCulture,
                        $"{result.Score,9:F5}  {(result.Decision == Decision.Anomalous ? "ANOMALOUS" : "normal"),-9}  {result.TextScore,5:F3}  {test.Item.Path}"));
                }
            }
        }
        catch (OperationCanceledException) when (!terminal.Json)
        {
            throw new CancelledException($"{scored.Count} of {items.Count} images were scored; their lines stand above.");
        }
        if (scored.Count == 0)
            SayHead(terminal, className, calibration);
        terminal.ShowJson(new ScoreJson(Path.GetFullPath(request.Detector), className, calibration.Threshold, model.ToJson(), scored, skipped));
        if (panels is not null)
            terminal.Say($"Heat maps (image | map | overlay): {request.HeatMaps}; {panels.Legend}");
        if (skipped.Count > 0)
            terminal.Note($"error: {skipped.Count} of {items.Count} images could not be read, see above.");
        return skipped.Count == 0 ? CommandLine.Fine : CommandLine.Failed;

        void Broken(SkippedImage image)
        {
            skipped.Add(image);
            terminal.Problem(image.Reason);
        }
    }

    private static void SayHead(Terminal terminal, string className, Calibration calibration)
    {
        terminal.Say(string.Create(CultureInfo.InvariantCulture, $"{className}: anomalous above {calibration.Threshold:G4}"));
        terminal.Say($"{"score",9}  {"verdict",-9}  {"text",5}  image");
    }

    // As the detector spells it: "_" counts as a space.
    private static string Choose(AnomalyDetector detector, Request request)
    {
        string known = string.Join(", ", detector.ClassNames);
        if (request.ClassName is null)
            return detector.ClassNames is [var only] ? only : throw new ArgumentException(
                $"{request.Detector} knows several products. Say which one the images show, with --class and one of: {known}.");
        string name = request.ClassName.Replace('_', ' ').Trim();
        return detector.ClassNames.Contains(name) ? name : throw new ArgumentException($"{request.Detector} does not know '{name}', expected one of: {known}.");
    }

    private static ImageJson ToJson(TestImage test, AnomalyResult result, string? heatMap)
    {
        var (x, y) = result.Map.Peak;
        return new(test.Item.Path, result.Score, result.Decision, (x + 0.5f) / result.Map.Width, (y + 0.5f) / result.Map.Height, result.TextScore, heatMap);
    }
}
