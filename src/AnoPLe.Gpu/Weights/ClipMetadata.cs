using System.Globalization;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Weights;

/// <summary>What every weights file that is written here says about its model: the keys that <see cref="ClipConfigInference"/> reads, and where it is from.</summary>
internal static class ClipMetadata
{
    /// <summary>Metadata to which the caller adds.</summary>
    public static Dictionary<string, string> Of(ClipConfig config, string generator)
    {
        Dictionary<string, string> metadata = new()
        {
            // Hugging Face's loader asks for "format".
            ["format"] = "pt",
            ["generator"] = generator,
            ["act"] = config.Activation == Activation.QuickGelu ? "quick_gelu" : "gelu",
            ["v_heads"] = config.VisionHeads.ToString(CultureInfo.InvariantCulture),
            ["t_heads"] = config.TextHeads.ToString(CultureInfo.InvariantCulture),
            ["image_size"] = config.ImageSize.ToString(CultureInfo.InvariantCulture),
        };
        if (config.KnownName is { } name)
            metadata.Add("config", name);
        return metadata;
    }
}
