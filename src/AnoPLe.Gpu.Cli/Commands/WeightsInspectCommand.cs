using System.CommandLine;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights inspect: what a checkpoint of any form holds, and whether it is a CLIP model.</summary>
internal static class WeightsInspectCommand
{
    /// <summary>What --json prints. <c>NonFinite</c> is null without --check.</summary>
    private sealed record InspectJson(string File, string Format, long Bytes, ClipNaming? Naming, string? KnownConfig, ClipConfig? Config, string? Problem, string? Next, long Parameters,
        IReadOnlyList<string> Notes, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<TensorJson> Tensors, IReadOnlyList<string>? NonFinite);

    /// <summary>One tensor under the file's own name.</summary>
    private sealed record TensorJson(string Name, string Type, IReadOnlyList<long> Shape, long Bytes);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string> file = CommonOptions.NoOptions(new Argument<string>("file") { Description = "A safetensors or PyTorch file, or an index of shards; a detector is a safetensors file, too." });
        Option<bool> check = new("--check") { Description = "Also read every value and look for NaN and infinities." };
        Option<bool> json = CommonOptions.Json();
        var command = new Command("inspect", "List the tensors of a file, and say which CLIP model it is. Exit code 1 when it is none.") { file, check, json };
        command.Examples("anople weights inspect ViT-B-16-plus-240.safetensors", "anople weights inspect model.safetensors --check --json", "anople weights inspect pytorch_model.bin");
        command.SetAction((parse, cancellation) => Task.Run(() =>
            Run(new Terminal(stdout, stderr, parse.GetValue(json)), parse.GetValue(file)!, parse.GetValue(check), cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string path, bool check, CancellationToken cancellation)
    {
        WeightsReport report = WeightsReport.Read(path);
        IReadOnlyList<string>? bad = check ? terminal.WithProgress(progress => WeightsReport.NonFinite(path, progress, cancellation)) : null;
        terminal.ShowJson(new InspectJson(Path.GetFullPath(path), report.Format, report.FileBytes, report.Naming, report.Config?.KnownName, report.Config, report.Problem,
            report.NextStep, report.Parameters, report.Notes, report.Metadata,
            [.. report.Tensors.Select(tensor => new TensorJson(tensor.Name, tensor.Type.ToString(), tensor.Shape, tensor.ByteLength))], bad));
        Show(terminal, report);
        if (bad is { Count: 0 })
            terminal.Say("Checked: every value is a finite number.");
        foreach (string name in bad ?? [])
            terminal.Problem($"tensor '{name}' holds NaN or an infinity.");
        if (report.Problem is not null)
            terminal.Problem(report.Problem);
        if (report.NextStep is { } next)
            terminal.Say($"Next: {next}");
        return report.Problem is null && (bad is null || bad.Count == 0) ? CommandLine.Fine : CommandLine.Failed;
    }

    private static void Show(Terminal terminal, WeightsReport report)
    {
        var table = new ResultTable("tensor", "type", "shape", ">bytes");
        foreach (var tensor in report.Tensors)
            table.Add(tensor.Name, tensor.Type.ToString(), tensor.ShapeText, Sizes.Bytes(tensor.ByteLength));
        terminal.Show(table);
        foreach (var (key, value) in report.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            terminal.Say($"metadata {key}: {Shorten(value)}");
        foreach (string note in report.Notes)
            terminal.Say($"note: {note}");
        terminal.Say($"{report.Tensors.Count} tensors, {Sizes.Count(report.Parameters)} parameters ({string.Join(", ", report.Types.Select(pair => $"{pair.Type} {Sizes.Bytes(pair.Bytes)}"))}), " +
            $"{report.Format}, {Sizes.Bytes(report.FileBytes)}");
        if (report.Config is { } config)
            terminal.Say($"CLIP {config.KnownName ?? "(no known name)"}, {WeightsText.Naming(report.Naming)} names: {config}");
    }

    // One line each: values come from files.
    private static string Shorten(string value) =>
        string.Concat(value.Take(100).Select(c => char.IsControl(c) ? ' ' : c)) + (value.Length > 100 ? "..." : "");
}
