using System.CommandLine;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Conversion;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights convert: from a checkpoint in any form to a safetensors file under canonical names.</summary>
internal static class WeightsConvertCommand
{
    /// <summary>What --json prints. <c>Naming</c> and <c>Config</c> are null with --raw.</summary>
    private sealed record ConvertJson(string File, long Bytes, string Source, string SourceFormat, string SourceSha256, ClipNaming? Naming, string? KnownConfig,
        ClipConfig? Config, int Tensors, long Parameters, IReadOnlyList<string> Types, bool Rounded, string DataSha256, IReadOnlyList<string> Notes);

    /// <summary>What is asked for.</summary>
    private sealed record Request(string Input, string Output, string? Config, string? Activation, string? Type, bool CheckVector, bool Raw);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        string known = $"{string.Join(", ", ClipConfig.Known.Keys.Order(StringComparer.Ordinal))}, or a JSON file";
        Argument<string> input = CommonOptions.NoOptions(new Argument<string>("input")
        {
            Description = "A checkpoint: safetensors, PyTorch (.pt, .bin), TorchScript, an index of shards or a folder with one.",
        });
        Option<string> output = new("--out") { Description = "The safetensors file to write; replaced if it exists.", HelpName = "FILE", Required = true };
        Option<string?> config = CommonOptions.Checked(new Option<string?>("--config")
        {
            Description = $"The model's configuration, instead of what is inferred: {known}.",
            HelpName = "NAME|FILE.json",
        }, name => CommonOptions.IsConfig(name!), known);
        Option<string?> activation = new("--activation") { Description = "quick_gelu or gelu, instead of what is inferred.", HelpName = "NAME" };
        activation.AcceptOnlyFromAmong("quick_gelu", "gelu");
        Option<string?> type = new("--type") { Description = "f32, f16 or bf16; without it every tensor keeps its type (F64 becomes F32).", HelpName = "TYPE" };
        type.AcceptOnlyFromAmong(WeightsText.Types);
        Option<bool> check = new("--check-vector") { Description = "Also store features of a drawn image and a text, which 'weights verify --device' computes again." };
        Option<bool> raw = new("--raw") { Description = "Copy all tensors as they are, whatever model it is." };
        Option<bool> json = CommonOptions.Json();
        var command = new Command("convert", "Convert CLIP weights to safetensors. Nothing in a PyTorch file is executed.")
        {
            input, output, config, activation, type, check, raw, json,
        };
        command.Validators.Add(result =>
        {
            foreach (Option option in (Option[])[config, activation, type, check])
                if (result.GetValue(raw) && result.GetResult(option) is { Implicit: false })
                    result.AddError($"{option.Name} does not go with --raw, which changes nothing.");
        });
        command.Examples("anople weights convert ViT-B-16.pt --out ViT-B-16.safetensors",
            "anople weights convert open_clip_pytorch_model.bin --out b16.safetensors --activation gelu --type f16",
            "anople weights convert model.safetensors.index.json --out model.safetensors --check-vector", "anople weights convert other.pt --out other.safetensors --raw");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(new Terminal(stdout, stderr, parse.GetValue(json)),
            new Request(parse.GetValue(input)!, parse.GetValue(output)!, parse.GetValue(config), parse.GetValue(activation), parse.GetValue(type), parse.GetValue(check),
                parse.GetValue(raw)), cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, Request request, CancellationToken cancellation)
    {
        OutputFiles.RequireFolderOf(request.Output);
        var options = new ClipConversionOptions
        {
            Config = request.Config is { } name ? ClipConfig.Find(name) : null,
            Activation = request.Activation switch { "quick_gelu" => Activation.QuickGelu, "gelu" => Activation.Gelu, _ => null },
            Type = request.Type is { } type ? WeightsText.Type(type) : null,
            CheckVector = request.CheckVector,
        };
        ConversionResult result = terminal.WithProgress(progress => request.Raw
            ? ClipConverter.CopyRaw(request.Input, request.Output, progress, cancellation)
            : ClipConverter.Convert(request.Input, request.Output, options, progress, cancellation));
        IReadOnlyList<string> types = [.. result.Types.Select(type => type.ToString())];
        terminal.ShowJson(new ConvertJson(Path.GetFullPath(result.Path), result.Bytes, Path.GetFullPath(request.Input), result.SourceFormat, result.SourceSha256,
            result.Naming, result.Config?.KnownName, result.Config, result.Tensors, result.Parameters, types, result.Rounded, result.DataSha256, result.Notes));
        string names = result.Naming is { } naming ? $", {WeightsText.Naming(naming)} names" : "";
        terminal.Say($"Read: {request.Input}, {result.SourceFormat}{names}, SHA-256 {result.SourceSha256}");
        foreach (string note in result.Notes)
            terminal.Say($"note: {note}");
        if (result.Config is { } config)
            terminal.Say($"CLIP {config.KnownName ?? "(no known name)"}: {config}");
        terminal.Say($"Written: {result.Path}, {result.Tensors} tensors, {Sizes.Count(result.Parameters)} parameters as {string.Join(", ", types)}" +
            $"{(result.Rounded ? ", rounded" : "")}, {Sizes.Bytes(result.Bytes)}");
        return CommandLine.Fine;
    }
}
