namespace AnoPLe.Gpu.Weights;

/// <summary>Schemes of tensor names in which CLIP weights are found.</summary>
public enum ClipNaming
{
    /// <summary>openai/CLIP and open_clip: "visual.conv1.weight", "transformer.resblocks.0.ln_1.weight".</summary>
    OpenAi,

    /// <summary>open_clip models with a text tower of their own: as OpenAi, the text side below "text.".</summary>
    OpenClipText,

    /// <summary>Hugging Face's CLIPModel: "vision_model.encoder.layers.0.self_attn.q_proj.weight".</summary>
    HuggingFace,
}

/// <summary>How a canonical tensor is made of those in a file.</summary>
internal enum SourceForm
{
    /// <summary>It is the one tensor.</summary>
    Copy,

    /// <summary>Hugging Face's q, k and v one after another along the first axis.</summary>
    Concatenate,

    /// <summary>Hugging Face's projections are [out, in], CLIP's [in, out].</summary>
    Transpose,
}

/// <summary>What a canonical tensor is called under one scheme.</summary>
internal readonly record struct ClipTensorNames(SourceForm Form, params string[] Names)
{
    private const string QueryKeyValue = "qkv";

    /// <summary>The names that hold the canonical tensor <paramref name="canonical"/>.</summary>
    public static ClipTensorNames Of(ClipNaming naming, string canonical) => naming switch
    {
        ClipNaming.OpenAi => new(SourceForm.Copy, canonical),
        ClipNaming.OpenClipText => new(SourceForm.Copy, IsText(canonical) ? "text." + canonical : canonical),
        _ => HuggingFace(canonical),
    };

    /// <summary>Prefix of the numbered blocks of a tower.</summary>
    public static string Blocks(ClipNaming naming, bool vision) => naming switch
    {
        ClipNaming.OpenAi => vision ? ClipTensors.VisionBlocks : ClipTensors.TextBlocks,
        ClipNaming.OpenClipText => vision ? ClipTensors.VisionBlocks : "text." + ClipTensors.TextBlocks,
        _ => vision ? "vision_model.encoder.layers." : "text_model.encoder.layers.",
    };

    private static bool IsText(string canonical) =>
        canonical != ClipTensors.LogitScale && !canonical.StartsWith("visual.", StringComparison.Ordinal);

    private static ClipTensorNames HuggingFace(string canonical)
    {
        foreach (bool vision in (ReadOnlySpan<bool>)[true, false])
        {
            string from = Blocks(ClipNaming.OpenAi, vision);
            if (!canonical.StartsWith(from, StringComparison.Ordinal))
                continue;
            int dot = canonical.IndexOf('.', from.Length);
            return HuggingFaceBlock(Blocks(ClipNaming.HuggingFace, vision) + canonical[from.Length..(dot + 1)], canonical[(dot + 1)..]);
        }
        return canonical switch
        {
            ClipTensors.PatchEmbedding => new(SourceForm.Copy, "vision_model.embeddings.patch_embedding.weight"),
            ClipTensors.ClassEmbedding => new(SourceForm.Copy, "vision_model.embeddings.class_embedding"),
            ClipTensors.VisualPositions => new(SourceForm.Copy, "vision_model.embeddings.position_embedding.weight"),
            // The spelling is Hugging Face's.
            "visual.ln_pre.weight" => new(SourceForm.Copy, "vision_model.pre_layrnorm.weight"),
            "visual.ln_pre.bias" => new(SourceForm.Copy, "vision_model.pre_layrnorm.bias"),
            "visual.ln_post.weight" => new(SourceForm.Copy, "vision_model.post_layernorm.weight"),
            "visual.ln_post.bias" => new(SourceForm.Copy, "vision_model.post_layernorm.bias"),
            ClipTensors.VisualProjection => new(SourceForm.Transpose, "visual_projection.weight"),
            ClipTensors.TokenEmbedding => new(SourceForm.Copy, "text_model.embeddings.token_embedding.weight"),
            ClipTensors.TextPositions => new(SourceForm.Copy, "text_model.embeddings.position_embedding.weight"),
            "ln_final.weight" => new(SourceForm.Copy, "text_model.final_layer_norm.weight"),
            "ln_final.bias" => new(SourceForm.Copy, "text_model.final_layer_norm.bias"),
            ClipTensors.TextProjection => new(SourceForm.Transpose, "text_projection.weight"),
            ClipTensors.LogitScale => new(SourceForm.Copy, ClipTensors.LogitScale),
            _ => throw new ArgumentException($"'{canonical}' is no tensor of a CLIP model. ClipTensors.All lists them.", nameof(canonical)),
        };
    }

    private static ClipTensorNames HuggingFaceBlock(string prefix, string part)
    {
        string mapped = part switch
        {
            "ln_1.weight" => "layer_norm1.weight",
            "ln_1.bias" => "layer_norm1.bias",
            "ln_2.weight" => "layer_norm2.weight",
            "ln_2.bias" => "layer_norm2.bias",
            "attn.in_proj_weight" => QueryKeyValue + ".weight",
            "attn.in_proj_bias" => QueryKeyValue + ".bias",
            "attn.out_proj.weight" => "self_attn.out_proj.weight",
            "attn.out_proj.bias" => "self_attn.out_proj.bias",
            "mlp.c_fc.weight" => "mlp.fc1.weight",
            "mlp.c_fc.bias" => "mlp.fc1.bias",
            "mlp.c_proj.weight" => "mlp.fc2.weight",
            "mlp.c_proj.bias" => "mlp.fc2.bias",
            _ => throw new ArgumentException($"'{part}' is no tensor of a CLIP block. ClipTensors.All lists them.", nameof(part)),
        };
        if (!mapped.StartsWith(QueryKeyValue, StringComparison.Ordinal))
            return new(SourceForm.Copy, prefix + mapped);
        string kind = mapped[QueryKeyValue.Length..];
        return new(SourceForm.Concatenate, $"{prefix}self_attn.q_proj{kind}", $"{prefix}self_attn.k_proj{kind}", $"{prefix}self_attn.v_proj{kind}");
    }
}
