using System.Text.Json;
using System.Text.Json.Serialization;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Training;

/// <summary>Options and losses as the metadata of detectors and checkpoints.</summary>
internal static class TrainingJson
{
    private static readonly JsonSerializerOptions Settings = new()
    {
        Converters = { new JsonStringEnumConverter() },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Every option by name.</summary>
    public static string Text(TrainingOptions options) => JsonSerializer.Serialize(options, Settings);

    /// <summary>Reads <see cref="Text(TrainingOptions)"/>.</summary>
    /// <exception cref="JsonException">Malformed, or an option that this version does not know.</exception>
    public static TrainingOptions Options(string text) => JsonSerializer.Deserialize<TrainingOptions>(text, Settings)
        ?? throw new JsonException("null");

    /// <summary>Losses, five numbers each.</summary>
    public static string Text(IEnumerable<StepLosses> losses) =>
        JsonSerializer.Serialize(losses.Select(l => new[] { l.Total, l.Dice, l.Focal, l.Image, l.Alignment }));

    /// <summary>Reads <see cref="Text(IEnumerable{StepLosses})"/>.</summary>
    /// <exception cref="JsonException">Malformed.</exception>
    public static StepLosses[] Losses(string text) =>
        [.. (JsonSerializer.Deserialize(text, DetectorJson.Default.DoubleArrayArray) ?? throw new JsonException("null")).Select(l => l is { Length: 5 }
            ? new StepLosses(l[0], l[1], l[2], l[3], l[4]) : throw new JsonException("Losses are five numbers each."))];
}
