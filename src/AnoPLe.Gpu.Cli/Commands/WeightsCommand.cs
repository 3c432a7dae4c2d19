using System.CommandLine;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights: the group of commands about weights files.</summary>
internal static class WeightsCommand
{
    public static Command Create(TextWriter stdout, TextWriter stderr) => new("weights", "Download, make, convert, inspect and verify files of CLIP weights.")
    {
        WeightsDownloadCommand.Create(stdout, stderr),
        WeightsInitCommand.Create(stdout, stderr),
        WeightsConvertCommand.Create(stdout, stderr),
        WeightsInspectCommand.Create(stdout, stderr),
        WeightsVerifyCommand.Create(stdout, stderr),
    };
}
