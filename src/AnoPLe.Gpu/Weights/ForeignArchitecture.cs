namespace AnoPLe.Gpu.Weights;

/// <summary>Recognises other models by their tensor names, so that the message can say what a file holds.</summary>
internal static class ForeignArchitecture
{
    /// <summary>What is supported, for messages.</summary>
    public const string Supported = "CLIP with a vision transformer (ViT-B/32, B/16, B/16+ 240, L/14, L/14@336 and alike) and its text tower, "
        + "under OpenAI's, open_clip's or Hugging Face CLIPModel's names";

    // First match wins: a name that has the prefix, and what that means.
    private static readonly (string Contains, string Meaning)[] Marks =
    [
        ("visual.layer1.", "a CLIP with a ResNet image tower (RN50 and alike)"),
        ("visual.attnpool.", "a CLIP with a ResNet image tower (RN50 and alike)"),
        ("visual.trunk.", "an open_clip model with a timm image tower (SigLIP, EVA, ConvNeXt and alike)"),
        ("logit_bias", "a SigLIP model"),
        ("vision_model.head.", "a SigLIP model"),
        ("visual.attn_pool.", "a CoCa model"),
        ("text_decoder.", "a CoCa or BLIP model"),
        ("qformer.", "a BLIP-2 model"),
        ("bank.0.", "a saved detector, not CLIP weights"),
        ("decoder.up1.weight", "a saved detector or trained prompts, not CLIP weights"),
        ("prompt.text.", "trained prompts, not CLIP weights"),
        ("blocks.0.attn.qkv.", "a plain vision transformer (timm, DINO, DINOv2)"),
        ("patch_embed.proj.", "a plain vision transformer (timm, DINO, DINOv2)"),
        ("patch_embeddings.projection.", "a plain vision transformer of Hugging Face (ViT, DINOv2)"),
        ("down_blocks.", "a diffusion model"),
        ("model.layers.0.", "a language model"),
        ("layer1.0.conv1.", "a ResNet"),
    ];

    /// <summary>What the names mean, or null.</summary>
    public static string? Guess(IEnumerable<string> names)
    {
        List<string> all = [.. names];
        foreach (var (contains, meaning) in Marks)
            if (all.Any(name => name.Contains(contains, StringComparison.Ordinal)))
                return meaning;
        bool Any(string prefix) => all.Any(name => name.StartsWith(prefix, StringComparison.Ordinal));
        bool vision = Any("vision_model.") || Any("visual."), text = Any("text_model.") || Any("transformer.") || Any("text.");
        return (vision, text) switch
        {
            (true, false) => "the image tower of a CLIP alone",
            (false, true) => "the text tower of a CLIP alone",
            _ => null,
        };
    }
}
