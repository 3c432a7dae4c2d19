namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>Errors of files: where, what was found, what to do.</summary>
internal static class CheckpointErrors
{
    /// <summary>What to do about damage.</summary>
    public const string Again = "The file is damaged: copy or download it again";

    /// <summary>What to do about an end that comes too early.</summary>
    public const string CutOff = "The file was cut off: copy or download it again";

    /// <summary>What to do about something unknown.</summary>
    public const string Newer = "The file is damaged, or newer than this reader";

    /// <summary>What to do about sizes beyond reason.</summary>
    public const string Hostile = "The file is damaged, or made to exhaust memory";

    /// <summary>An error; both sentences without their full stops.</summary>
    public static InvalidDataException Bad(string where, string got, string next = Again, Exception? inner = null) => new($"{where}: {got}. {next}.", inner);

    /// <summary>A name from a file, in quotes.</summary>
    public static string Quote(string name) => ForeignFormat.Quote(name);

    /// <summary>The same storage declared in two ways.</summary>
    public static InvalidDataException Differs(string path, string key, SafetensorsType? type, long bytes, SafetensorsType? firstType, long firstBytes) =>
        Bad(path, $"declares the storage {Quote(key)} as {bytes} bytes of {Text(type)} after {firstBytes} of {Text(firstType)}");

    private static string Text(SafetensorsType? type) => type?.ToString() ?? "no type";
}
