using System.CommandLine;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights inspect: what a safetensors file holds, and whether it is a CLIP model.</summary>
internal static class WeightsInspectCommand
{
    /// <summary>What --json prints. <c>NonFinite</c> is null without --check.</summary>
    private sealed record InspectJson(string File, long Bytes, ClipNaming? Naming, string? KnownConfig, ClipConfig? Config, string? Problem, long Parameters,
        IReadOnlyList<string> Notes, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<TensorJson> Tensors, IReadOnlyList<string>? NonFinite);

    /// <summary>One tensor under the file's own name.</summary>
    private sealed record TensorJson(string Name, string Type, IReadOnlyList<long> Shape, long Bytes);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string> file = CommonOptions.NoOptions(new Argument<string>("file") { Description = "A safetensors file; a detector is one, too." });
        Option<bool> check = new("--check") { Description = "Also read every value and look for NaN and infinities." };
        Option<bool> json = CommonOptions.Json();
        var command = new Command("inspect", "List the tensors of a file, and say which CLIP model it is. Exit code 1 when it is none.") { file, check, json };
        command.Examples("anople weights inspect ViT-B-16-plus-240.safetensors", "anople weights inspect model.safetensors --check --json");
        command.SetAction((parse, cancellation) => Task.Run(() =>
            Run(new Terminal(stdout, stderr, parse.GetValue(json)), parse.GetValue(file)!, parse.GetValue(check), cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string path, bool check, CancellationToken cancellation)
    {
        WeightsReport report = WeightsReport.Read(path);
        List<string>? bad = check ? terminal.WithProgress(progress => NonFinite(path, progress, cancellation)) : null;
        terminal.ShowJson(new InspectJson(Path.GetFullPath(path), report.FileBytes, report.Naming, report.Config?.KnownName, report.Config, report.Problem,
            report.Parameters, report.Notes, report.Metadata,
            [.. report.Tensors.Select(tensor => new TensorJson(tensor.Name, tensor.Type.ToString(), tensor.Shape, tensor.Bytes))], bad));
        Show(terminal, report);
        if (bad is { Count: 0 })
            terminal.Say("Checked: every value is a finite number.");
        foreach (string name in bad ?? [])
            terminal.Problem($"tensor '{name}' holds NaN or an infinity.");
        if (report.Problem is not null)
            terminal.Problem(report.Problem);
        return report.Problem is null && (bad is null || bad.Count == 0) ? CommandLine.Fine : CommandLine.Failed;
    }

    private static void Show(Terminal terminal, WeightsReport report)
    {
        var table = new ResultTable("tensor", "type", "shape", ">bytes");
        foreach (var tensor in report.Tensors)
            table.Add(tensor.Name, tensor.Type.ToString(), tensor.ShapeText, Sizes.Bytes(tensor.Bytes));
        terminal.Show(table);
        foreach (var (key, value) in report.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            terminal.Say($"metadata {key}: {Shorten(value)}");
        foreach (string note in report.Notes)
            terminal.Say($"note: {note}");
        terminal.Say($"{report.Tensors.Count} tensors, {Sizes.Count(report.Parameters)} parameters ({string.Join(", ", report.Types.Select(pair => $"{pair.Type} {Sizes.Bytes(pair.Bytes)}"))}), " +
            $"file {Sizes.Bytes(report.FileBytes)}");
        if (report.Config is { } config)
            terminal.Say($"CLIP {config.KnownName ?? "(no known name)"}, {Naming(report.Naming)} names: {config}");
    }

    private static string Naming(ClipNaming? naming) => naming switch
    {
        ClipNaming.OpenAi => "OpenAI / open_clip",
        ClipNaming.OpenClipText => "open_clip (text tower apart)",
        _ => "Hugging Face",
    };

    private static string Shorten(string value) => value.Length <= 100 ? value : value[..100] + "...";

    private static List<string> NonFinite(string path, IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        float[] buffer = new float[1 << 20];
        List<string> bad = [];
        for (int i = 0; i < file.Tensors.Count; i++)
        {
            var tensor = file.Tensors[i];
            cancellation.ThrowIfCancellationRequested();
            if (tensor.Type is SafetensorsType.F64 or SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16 && !IsFinite(file, tensor, buffer))
                bad.Add(tensor.Name);
            progress.Report(new("checking values", i + 1, file.Tensors.Count));
        }
        return bad;
    }

    private static bool IsFinite(SafetensorsFile file, SafetensorsTensor tensor, float[] buffer)
    {
        for (long start = 0; start < tensor.Count; start += buffer.Length)
        {
            Span<float> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, tensor.Count - start));
            file.ReadFloats(tensor.Name, start, part);
            foreach (float value in part)
                if (!float.IsFinite(value))
                    return false;
        }
        return true;
    }
}
