using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople train: the method itself, on a few normal images.</summary>
internal static class TrainCommand
{
    /// <summary>What the command line asks for.</summary>
    private sealed record Request(IReadOnlyList<ClassFiles> Classes, TrainingOptions Options, string Weights, string Output, string? Checkpoint, string? LossPlot,
        string? ContactSheet, string Device, int Threads);

    /// <summary>What --json prints. Losses are the means of every epoch; the time per step is null for fewer than two steps.</summary>
    private sealed record TrainJson(string Detector, ModelJson Model, TrainingOptions Options, int Steps, int StepsPerEpoch, double SecondsPerStep,
        IReadOnlyList<int> MemoryLayers, IReadOnlyList<ClassJson> Classes, IReadOnlyList<LossJson> EpochLosses);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        var normal = new NormalImages("Draws the shots, the initial parameters and the pseudo-anomalies.");
        var method = new MethodOptions(new TrainingOptions());
        Option<string> weights = CommonOptions.Weights();
        Option<string> output = DetectorOutput.Option();
        Option<string?> checkpoint = new("--checkpoint")
        {
            Description = "Keep the training's state in this file, also on Ctrl-C; if it exists, go on from it: the result has the same bits.",
            HelpName = "FILE",
        };
        Option<string?> lossPlot = CommonOptions.Checked(new Option<string?>("--loss-plot") { Description = "Draw the losses of every epoch.", HelpName = "FILE.svg" },
            path => HasExtension(path, ".svg"), "a name that ends in .svg");
        Option<string?> contactSheet = CommonOptions.Checked(
            new Option<string?>("--contact-sheet") { Description = "First draw what training will see: view, texture, mask, pseudo-anomaly, latent mask.", HelpName = "FILE.png" },
            path => HasExtension(path, ".png"), "a name that ends in .png");
        Option<float?> threshold = CommonOptions.Threshold();
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("train", "Train a detector on a few normal images and save it: prompts in both towers, decoder, memory bank. The last epoch counts.")
        {
            weights, output, checkpoint, lossPlot, contactSheet, threshold, device, threads, json,
        };
        normal.AddTo(command);
        method.AddTo(command);
        command.Validators.Add(result => RequireDifferent(result, output, checkpoint, lossPlot, contactSheet));
        command.Examples(
            "anople train --weights ViT-B-16-plus-240.safetensors --class bottle --out bottle.anople --shots 4 mvtec/bottle",
            "anople train --weights ViT-B-16-plus-240.safetensors --class bottle --out bottle.anople --checkpoint bottle.checkpoint --loss-plot losses.svg good/",
            "anople train --weights ViT-B-16-plus-240.safetensors --class bottle=mvtec/bottle --class metal_nut=mvtec/metal_nut --shots 4 --out parts.anople",
            "anople train --weights ViT-B-16-plus-240.safetensors --class bottle --out untrained.anople --epochs 0 --contact-sheet sheet.png --textures textures/ good/");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(normal.Find(parse),
                method.Read(parse) with { Seed = (ulong)parse.GetValue(normal.Seed), Threshold = parse.GetValue(threshold) },
                parse.GetValue(weights)!, parse.GetValue(output)!, parse.GetValue(checkpoint), parse.GetValue(lossPlot), parse.GetValue(contactSheet),
                parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        foreach (string? file in new[] { request.Output, request.Checkpoint, request.LossPlot, request.ContactSheet })
            if (file is not null)
                OutputFiles.RequireFolderOf(file);
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        terminal.Note($"Model: {model.Describe()}");
        ClassImages[] classes = [.. request.Classes.Select(files => ClassImages.Load(files.Name, files.Paths))];
        if (request.ContactSheet is { } sheet)
        {
            ContactSheet.Render(model.Clip, classes, request.Options).SavePng(sheet);
            terminal.Note($"Contact sheet: {sheet}");
        }
        var plan = TrainingPlan.Of(request.Options, classes.Sum(c => c.Images.Count));
        terminal.Note($"Training: {plan}");
        if (File.Exists(request.Checkpoint))
            terminal.Note($"Going on from {request.Checkpoint}");
        StepClock clock = new();
        using AnomalyDetector detector = terminal.WithProgress(progress => Train(model, classes, request, clock.Before(progress), cancellation));
        detector.Save(request.Output);
        IReadOnlyList<LossJson> losses = LossJson.Of(detector.EpochLosses);
        IReadOnlyList<ClassJson> made = ClassJson.Of(detector, classes);
        if (request.LossPlot is { } plot)
            LossPlot.Save(plot, losses, plan.StepsPerEpoch);
        terminal.ShowJson(new TrainJson(Path.GetFullPath(request.Output), model.ToJson(), request.Options, detector.TrainingSteps, plan.StepsPerEpoch,
            clock.SecondsPerStep, detector.MemoryLayers, made, losses));
        DetectorOutput.Show(terminal, detector, made);
        if (losses.Count > 0)
            terminal.Say(string.Create(CultureInfo.InvariantCulture, $"Loss: {losses[0].Total:G4} in the first epoch, {losses[^1].Total:G4} in the last{clock}"));
        terminal.Say($"Written: {string.Join(", ", new[] { request.Output, request.LossPlot }.Where(file => file is not null))}");
        return CommandLine.Fine;
    }

    private static AnomalyDetector Train(LoadedModel model, ClassImages[] classes, Request request, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        try
        {
            return AnomalyDetector.Train(model.Clip, classes, request.Options, progress, request.Checkpoint is { } path ? new TrainingCheckpoint(path) : null, cancellation);
        }
        catch (OperationCanceledException)
        {
            throw new CancelledException(File.Exists(request.Checkpoint)
                ? $"the training is kept in {request.Checkpoint}. The same command goes on from there."
                : $"nothing was kept.{(request.Checkpoint is null ? " With --checkpoint FILE a training can be interrupted and go on later." : "")}");
        }
    }

    private static bool HasExtension(string? path, string extension) => path is null || path.EndsWith(extension, StringComparison.OrdinalIgnoreCase);

    private static void RequireDifferent(CommandResult result, params Option[] files)
    {
        var same = files.Where(file => result.GetResult(file) is { Tokens: [{ Value.Length: > 0 }] })
            .GroupBy(file => Path.GetFullPath(result.GetResult(file)!.Tokens[0].Value)).FirstOrDefault(group => group.Count() > 1);
        if (same is not null)
            result.AddError($"{string.Join(" and ", same.Select(file => file.Name))} name the same file. Give each its own.");
    }
}

/// <summary>How long a training will be, in numbers.</summary>
internal sealed record TrainingPlan(int Images, int Steps, int StepsPerEpoch, int Views)
{
    /// <summary>Of a training on so many images.</summary>
    public static TrainingPlan Of(TrainingOptions options, int images) => new(images, options.StepsFor(images), options.StepsPerEpoch(images), options.Views);

    public override string ToString() =>
        Steps == 0 ? "none (0 epochs): the detector has the initial parameters"
        : $"{Steps} steps on {Images} normal {(Images == 1 ? "image" : "images")}, {StepsPerEpoch} {(StepsPerEpoch == 1 ? "step" : "steps")} per epoch, " +
            $"{(Views == 1 ? "the whole image alone" : $"{Views} views of each image")}";
}
