using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Weights;

/// <summary>Writes a small model under each naming scheme, with a mapping of names of its own (the library's is what is tested).</summary>
internal static class NamingSamples
{
    /// <summary>Smaller than any known model, with odd sizes.</summary>
    public static readonly ClipConfig Config = new()
    {
        ImageSize = 24, PatchSize = 8, VisionWidth = 20, VisionLayers = 2, VisionHeads = 5, TextWidth = 12, TextLayers = 3, TextHeads = 3,
        EmbedDim = 7, VocabSize = 31, ContextLength = 9, Activation = Activation.QuickGelu,
    };

    public static readonly Dictionary<string, string> Metadata = new() { ["act"] = "quick_gelu", ["v_heads"] = "5", ["t_heads"] = "3" };

    public sealed record Part(string Name, long[] Shape, float[] Values);

    /// <summary>All tensors of the model with this seed, as a list that tests may change before they write it.</summary>
    public static List<Part> Parts(string scheme, ClipConfig config, ulong seed = 1)
    {
        using ClipWeights weights = ClipWeights.Random(config, seed);
        List<Part> parts = [];
        foreach (ClipTensor tensor in weights.Tensors)
        {
            Part part = new(tensor.Name, [.. Enumerable.Range(0, tensor.Shape.Rank).Select(axis => (long)tensor.Shape[axis])],
                weights.Floats(tensor.Name).ToArray());
            parts.AddRange(scheme switch
            {
                "openai" => [part],
                "wrapped" => [part with { Name = "module." + part.Name }],
                "text" => [part.Name.StartsWith("visual", StringComparison.Ordinal) || part.Name == "logit_scale" ? part : part with { Name = "text." + part.Name }],
                _ => HuggingFace(part),
            });
        }
        if (scheme == "openai")
            parts.AddRange([new("input_resolution", [], [24]), new("context_length", [], [9]), new("vocab_size", [], [31])]);
        if (scheme == "huggingface")
            parts.Add(new("vision_model.embeddings.position_ids", [1, 10], new float[10]));
        return parts;
    }

    public static void Write(string path, IReadOnlyList<Part> parts, SafetensorsType type = SafetensorsType.F32, Dictionary<string, string>? metadata = null)
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(path, parts.Select(part => new SafetensorsDeclaration(part.Name, type, part.Shape)), metadata);
        foreach (Part part in parts)
            writer.Write(part.Name, part.Values);
        writer.Commit();
    }

    private static IEnumerable<Part> HuggingFace(Part part)
    {
        string name = part.Name;
        if (name is "visual.proj" or "text_projection")
        {
            int rows = (int)part.Shape[0], columns = (int)part.Shape[1];
            float[] transposed = [.. Enumerable.Range(0, columns).SelectMany(c => Enumerable.Range(0, rows).Select(r => part.Values[r * columns + c]))];
            return [new(name == "visual.proj" ? "visual_projection.weight" : "text_projection.weight", [columns, rows], transposed)];
        }
        name = name.Replace("visual.transformer.resblocks.", "vision_model.encoder.layers.", StringComparison.Ordinal);
        name = name.StartsWith("transformer.", StringComparison.Ordinal) ? "text_model.encoder.layers." + name["transformer.resblocks.".Length..] : name;
        (string, string)[] renames =
        [
            ("visual.conv1.", "vision_model.embeddings.patch_embedding."), ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
            ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"), ("visual.ln_pre.", "vision_model.pre_layrnorm."),
            ("visual.ln_post.", "vision_model.post_layernorm."), ("ln_final.", "text_model.final_layer_norm."), ("ln_1.", "layer_norm1."), ("ln_2.", "layer_norm2."),
            ("mlp.c_fc.", "mlp.fc1."), ("mlp.c_proj.", "mlp.fc2."), ("attn.out_proj.", "self_attn.out_proj."),
        ];
        foreach (var (from, to) in renames)
            name = name.Replace(from, to, StringComparison.Ordinal);
        name = name switch
        {
            "token_embedding.weight" => "text_model.embeddings.token_embedding.weight",
            "positional_embedding" => "text_model.embeddings.position_embedding.weight",
            _ => name,
        };
        if (!name.Contains("attn.in_proj_", StringComparison.Ordinal))
            return [part with { Name = name }];
        int third = part.Values.Length / 3;
        return "qkv".Select((letter, i) => new Part(name.Replace("attn.in_proj_", $"self_attn.{letter}_proj.", StringComparison.Ordinal),
            [part.Shape[0] / 3, .. part.Shape[1..]], part.Values[(i * third)..((i + 1) * third)]));
    }
}
