using System.CommandLine;
using System.CommandLine.Parsing;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Training;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople trace: every named tensor of a training step, or of scoring an image, for people who study the method.</summary>
internal static class TraceCommand
{
    /// <summary>What the command line asks for.</summary>
    private sealed record Request(IReadOnlyList<ClassFiles> Classes, TrainingOptions Options, bool Gradients, string? Checkpoint, string? Detector, string Weights,
        string Output, string Device, int Threads);

    /// <summary>What --json prints.</summary>
    private sealed record TraceJson(string File, long Bytes, ModelJson Model, IReadOnlyList<TraceTensor> Tensors);

    /// <summary>A tensor of the file.</summary>
    private sealed record TraceTensor(string Name, string Type, IReadOnlyList<long> Shape);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        var normal = new NormalImages("Draws the shots, the initial parameters and the pseudo-anomalies.", classRequired: false);
        var method = new MethodOptions(new TrainingOptions());
        Option<string> weights = CommonOptions.Weights();
        Option<string> output = new("--out") { Description = "The safetensors file to write; src/METHOD.md explains the names in it.", HelpName = "FILE", Required = true };
        Option<bool> gradients = new("--gradients") { Description = "Also go backwards: gradients of activations (gact/) and of parameters (grad/)." };
        Option<string?> checkpoint = new("--checkpoint") { Description = "Trace the next step of this training, of the same images and options, instead of the first.", HelpName = "FILE" };
        Option<string?> detector = new("--detector") { Description = "Trace how this detector scores one image, instead of a training step.", HelpName = "FILE" };
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("trace", "Write every named tensor of a training step, or of how a detector scores an image, to one file.")
        {
            weights, output, gradients, checkpoint, detector, device, threads, json,
        };
        normal.AddTo(command);
        method.AddTo(command);
        command.Validators.Add(result => Check(result, normal, method, detector, gradients, checkpoint));
        command.Examples(
            "anople trace good.png --weights ViT-B-16-plus-240.safetensors --class bottle --out trace.safetensors --gradients",
            "anople trace part.png --weights ViT-B-16-plus-240.safetensors --detector bottle.anople --out trace.safetensors");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(normal.Find(parse), method.Read(parse) with { Seed = (ulong)parse.GetValue(normal.Seed) }, parse.GetValue(gradients), parse.GetValue(checkpoint),
                parse.GetValue(detector), parse.GetValue(weights)!, parse.GetValue(output)!, parse.GetValue(device)!, parse.GetValue(threads)),
            cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        OutputFiles.RequireFolderOf(request.Output);
        using var model = CommonOptions.OpenModel(request.Weights, request.Device, request.Threads);
        terminal.Note($"Model: {model.Describe()}");
        cancellation.ThrowIfCancellationRequested();
        if (request.Detector is null)
            TrainingTrace.Write(request.Output, model.Clip, [.. request.Classes.Select(files => ClassImages.Load(files.Name, files.Paths))], request.Options,
                request.Gradients, request.Checkpoint);
        else
            TraceScore(model, request);
        WeightsReport written = WeightsReport.Read(request.Output);
        terminal.ShowJson(new TraceJson(Path.GetFullPath(request.Output), written.FileBytes, model.ToJson(),
            [.. written.Tensors.Select(tensor => new TraceTensor(tensor.Name, tensor.Type.ToString(), tensor.Shape))]));
        foreach (var group in written.Tensors.GroupBy(tensor => tensor.Name[..(tensor.Name.IndexOf('/', StringComparison.Ordinal) + 1)]))
            terminal.Say($"{group.Count(),5} tensors {group.Key}");
        terminal.Say($"Written: {request.Output}, {Sizes.Bytes(written.FileBytes)}; 'anople weights inspect' lists it, src/METHOD.md explains the names.");
        return CommandLine.Fine;
    }

    private static void TraceScore(LoadedModel model, Request request)
    {
        using var detector = AnomalyDetector.Load(request.Detector!, model.Clip);
        var (name, paths) = request.Classes[0];
        if (paths.Count != 1)
            throw new ArgumentException($"{paths.Count} images were given, expected one to score.");
        detector.Trace(RgbImage.Load(paths[0]), request.Output, name.Length > 0 ? name : null);
    }

    private static void Check(CommandResult result, NormalImages normal, MethodOptions method, Option detector, params Option[] ofTraining)
    {
        if (result.GetResult(detector) is null)
        {
            if (!normal.NamesClass(result))
                result.AddError("--class is missing: name the product in plain words, or a detector with --detector FILE.");
            return;
        }
        string? misplaced = ofTraining.FirstOrDefault(option => result.GetResult(option) is { Implicit: false })?.Name ?? method.Given(result);
        if (misplaced is not null)
            result.AddError($"{misplaced} is about training and has no place beside --detector.");
    }
}
