using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>The command that makes a safetensors file of a checkpoint, for messages.</summary>
internal static class ConvertCommand
{
    private const string Safetensors = ".safetensors";

    /// <summary>"anople weights convert model.pt --out model.safetensors".</summary>
    public static string For(string path, bool raw = false) => $"anople weights convert {Quoted(path)} --out {Quoted(Output(path))}{(raw ? " --raw" : "")}";

    /// <summary>Whether a folder holds an index of shards.</summary>
    public static bool IsSharded(string folder) => Directory.EnumerateFiles(folder, "*" + ShardedSafetensors.Extension).Any();

    private static string Output(string path)
    {
        if (Directory.Exists(path))
            return Path.Combine(path, "model" + Safetensors);
        if (path.EndsWith(ShardedSafetensors.Extension, StringComparison.OrdinalIgnoreCase))
            return path[..^ShardedSafetensors.Extension.Length] + Safetensors;
        return path.EndsWith(Safetensors, StringComparison.OrdinalIgnoreCase) ? path[..^Safetensors.Length] + ".converted" + Safetensors
            : Path.ChangeExtension(path, Safetensors);
    }

    // Double quotes are understood by every shell.
    private static string Quoted(string path) => path.Any(c => char.IsWhiteSpace(c) || "'&;()$`*?<>|".Contains(c)) ? $"\"{path}\"" : path;
}
