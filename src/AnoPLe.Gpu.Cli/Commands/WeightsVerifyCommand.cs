using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights.Conversion;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights verify: reads a weights file again, compares it with its source, and computes its check vector on a device.</summary>
internal static class WeightsVerifyCommand
{
    /// <summary>What --json prints.</summary>
    private sealed record VerifyJson(string File, bool Sound, bool Raw, string? KnownConfig, ClipConfig? Config, int Tensors, string DataSha256, string? RecordedSha256,
        string? WeightsHash, IReadOnlyList<string> NonFinite, AgainstJson? Against, CheckJson? Check, IReadOnlyList<string> Notes, IReadOnlyList<string> Problems);

    /// <summary>The comparison with the source. <c>MaxDifference</c> is null for values that are no numbers.</summary>
    private sealed record AgainstJson(string Source, string Sha256, bool? SameFile, bool Same, double MaxDifference, IReadOnlyList<DifferenceJson> Tensors);

    /// <summary>One tensor.</summary>
    private sealed record DifferenceJson(string Name, string Type, double MaxDifference, long Wrong);

    /// <summary>The check vector.</summary>
    private sealed record CheckJson(string Device, double ImageDistance, double TextDistance, double Tolerance, bool Passed);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string> file = CommonOptions.NoOptions(new Argument<string>("file") { Description = "A safetensors file, as 'weights convert' writes it." });
        Option<string?> against = new("--against") { Description = "A checkpoint in any form to compare with, value by value.", HelpName = "SOURCE" };
        Option<string?> device = new("--device") { Description = "Compute the file's check vector again, on: auto, cpu, cuda:0, opencl:0 or simulator.", HelpName = "DEVICE" };
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        CommonOptions.Checked(device, name => CommonOptions.IsDevice(name!), CommonOptions.DeviceNames);
        var command = new Command("verify", "Read a weights file again: structure, values, configuration, hash. Exit code 1 when something is wrong.")
        {
            file, against, device, threads, json,
        };
        command.Examples("anople weights verify model.safetensors", "anople weights verify model.safetensors --against ViT-B-16.pt",
            "anople weights verify model.safetensors --device auto --json");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(new Terminal(stdout, stderr, parse.GetValue(json)), parse.GetValue(file)!,
            new VerificationOptions { Against = parse.GetValue(against), Device = parse.GetValue(device), Threads = parse.GetValue(threads) }, cancellation),
            CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string path, VerificationOptions options, CancellationToken cancellation)
    {
        VerificationReport report = terminal.WithProgress(progress => ClipVerifier.Verify(path, options, progress, cancellation));
        bool sound = report.Problems.Count == 0;
        terminal.ShowJson(new VerifyJson(Path.GetFullPath(path), sound, report.Raw, report.Config?.KnownName, report.Config, report.Tensors, report.DataSha256,
            report.RecordedSha256, report.WeightsHash, report.NonFinite, Json(report.Comparison), Json(report.Check), report.Notes, report.Problems));
        Show(terminal, report);
        foreach (string problem in report.Problems)
            terminal.Problem(problem);
        if (sound)
            terminal.Say($"Sound: {path}");
        return sound ? CommandLine.Fine : CommandLine.Failed;
    }

    private static void Show(Terminal terminal, VerificationReport report)
    {
        if (report.Comparison is { } comparison)
        {
            TensorDifference[] largest = [.. comparison.Tensors.Where(tensor => tensor.MaxDifference != 0 || tensor.Wrong > 0)
                .OrderByDescending(tensor => tensor.Wrong > 0).ThenByDescending(tensor => tensor.MaxDifference).Take(20)];
            var table = new ResultTable("tensor", "type", ">largest difference", ">wrong");
            foreach (TensorDifference tensor in largest)
                table.Add(tensor.Name, tensor.Type.ToString(), Number(tensor.MaxDifference), tensor.Wrong.ToString(CultureInfo.InvariantCulture));
            if (largest.Length > 0)
                terminal.Show(table);
        }
        foreach (string note in report.Notes)
            terminal.Say($"note: {note}");
        terminal.Say(report.Config is { } config ? $"model: CLIP {config.KnownName ?? "(no known name)"}: {config}" : report.Raw ? "model: a raw copy" : "model: none");
        if (report.WeightsHash is { } hash)
            terminal.Say($"model's hash: {hash}");
        terminal.Say($"values: {report.Tensors} tensors, {(report.NonFinite.Count == 0 ? "all finite" : $"{report.NonFinite.Count} with NaN or infinities")}");
        string recorded = report.RecordedSha256 is null ? "not recorded in the file" : report.RecordedSha256 == report.DataSha256 ? "as recorded" : "not as recorded";
        terminal.Say($"data: SHA-256 {report.DataSha256}, {recorded}");
        if (report.Comparison is { } source)
        {
            string origin = source.SameFile switch { true => "the recorded one", false => "not the recorded one", _ => "none is recorded" };
            terminal.Say($"source: {source.Source}, {origin}; {source.Tensors.Count} tensors {(source.Same ? "the same at the file's precision" : "compared, some differ")}, " +
                $"largest difference {Number(source.MaxDifference)}");
        }
        if (report.Check is { } check)
            terminal.Say(string.Create(CultureInfo.InvariantCulture,
                $"check vector: on {check.Device} image {check.ImageDistance:G3}, text {check.TextDistance:G3}, allowed {check.Tolerance:G3}"));
        else if (report.HasCheckVector)
            terminal.Say("check vector: there is one; --device auto computes it again");
    }

    private static string Number(double value) => double.IsNaN(value) ? "-" : value.ToString("G3", CultureInfo.InvariantCulture);

    private static AgainstJson? Json(SourceComparison? comparison) => comparison is null ? null : new(
        Path.GetFullPath(comparison.Source), comparison.Sha256, comparison.SameFile, comparison.Same, comparison.MaxDifference,
        [.. comparison.Tensors.Select(tensor => new DifferenceJson(tensor.Name, tensor.Type.ToString(), tensor.MaxDifference, tensor.Wrong))]);

    private static CheckJson? Json(CheckResult? check) => check is null ? null : new(check.Device, check.ImageDistance, check.TextDistance, check.Tolerance, check.Passed);
}
