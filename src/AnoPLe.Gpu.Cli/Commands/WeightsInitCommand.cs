using System.CommandLine;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights init: a seeded random model as a file.</summary>
internal static class WeightsInitCommand
{
    /// <summary>What --json prints.</summary>
    private sealed record InitJson(string File, long Bytes, string? Config, ulong Seed, string Type, long Parameters);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        string known = $"{string.Join(", ", ClipConfig.Known.Keys.Order(StringComparer.Ordinal))}, or a JSON file";
        Option<string> config = CommonOptions.Checked(new Option<string>("--config") { Description = known + ".", HelpName = "NAME|FILE.json", Required = true },
            CommonOptions.IsConfig, known);
        Option<ulong> seed = new("--seed") { Description = "Another seed, other weights.", HelpName = "N" };
        Option<string> output = new("--out") { Description = "The safetensors file to write.", HelpName = "FILE", Required = true };
        Option<string> type = new("--type") { Description = "f32, f16 or bf16.", DefaultValueFactory = _ => "f32", HelpName = "TYPE" };
        type.AcceptOnlyFromAmong(WeightsText.Types);
        Option<bool> json = CommonOptions.Json();
        var command = new Command("init", "Write seeded random weights: for tests, benchmarks and demos; they have learned nothing.") { config, seed, output, type, json };
        command.Examples("anople weights init --config nano --seed 0 --out nano.safetensors", "anople weights init --config vit-b-16-plus-240 --type f16 --out b16.safetensors");
        command.SetAction((parse, cancellation) => Task.Run(() => Run(new Terminal(stdout, stderr, parse.GetValue(json)),
            parse.GetValue(config)!, parse.GetValue(seed), parse.GetValue(output)!, parse.GetValue(type)!, cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string name, ulong seed, string output, string typeName, CancellationToken cancellation)
    {
        ClipConfig config = ClipConfig.Find(name);
        SafetensorsType type = WeightsText.Type(typeName);
        OutputFiles.RequireFolderOf(output);
        terminal.WithProgress(progress =>
        {
            ClipWeightsInit.Create(config, seed, output, type, new Fraction(progress), cancellation);
            return true;
        });
        long parameters = ClipTensors.All(config).Sum(tensor => (long)tensor.Shape.Count), bytes = new FileInfo(output).Length;
        terminal.ShowJson(new InitJson(Path.GetFullPath(output), bytes, config.KnownName, seed, typeName, parameters));
        terminal.Say($"{config}");
        terminal.Say($"Written: {output}, {Sizes.Count(parameters)} parameters as {typeName.ToUpperInvariant()}, {Sizes.Bytes(bytes)}, seed {seed}");
        return CommandLine.Fine;
    }

    private sealed class Fraction(IProgress<WorkProgress> progress) : IProgress<double>
    {
        public void Report(double value) => progress.Report(new("writing weights", (int)(1000 * value), 1000));
    }
}
