using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>Words that the commands about weights share.</summary>
internal static class WeightsText
{
    /// <summary>Element types that weights are written in, as options.</summary>
    public static readonly string[] Types = ["f32", "f16", "bf16"];

    /// <summary>A scheme of names, for people.</summary>
    public static string Naming(ClipNaming? naming) => naming switch
    {
        ClipNaming.OpenAi => "OpenAI / open_clip",
        ClipNaming.OpenClipText => "open_clip (text tower apart)",
        _ => "Hugging Face",
    };

    /// <summary>The type of one of <see cref="Types"/>.</summary>
    public static SafetensorsType Type(string name) => name switch { "f16" => SafetensorsType.F16, "bf16" => SafetensorsType.BF16, _ => SafetensorsType.F32 };
}
