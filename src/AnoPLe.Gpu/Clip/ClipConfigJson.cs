using System.Globalization;
using System.Text;
using System.Text.Json;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Clip;

/// <summary>Configuration files of open_clip and Hugging Face, in and out.</summary>
internal static class ClipConfigJson
{
    private const int MaxBytes = 1 << 20;

    // Options of open_clip's vision tower that change the computation; a model that sets one is another model.
    private static readonly string[] UnsupportedVision =
        ["timm_model_name", "ls_init_value", "attentional_pool", "no_ln_pre", "final_ln_after_pool", "input_patchnorm", "block_type", "qk_norm"];

    private static readonly string[] UnsupportedText = ["hf_model_name", "embed_cls", "no_causal_mask", "final_ln_after_pool", "ls_init_value"];

    /// <summary>Text of a configuration file, which is small.</summary>
    /// <exception cref="InvalidDataException">More than 1 MiB, or not UTF-8.</exception>
    public static string ReadSmallFile(string path)
    {
        using FileStream file = File.OpenRead(path);
        if (file.Length > MaxBytes)
            throw new InvalidDataException($"{path}: {file.Length} bytes is too long for a configuration, expected at most {MaxBytes}.");
        using StreamReader reader = new(file, new UTF8Encoding(false, throwOnInvalidBytes: true));
        try
        {
            return reader.ReadToEnd();
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{path}: is not UTF-8 text. Expected JSON.", e);
        }
    }

    /// <summary>The configuration, or null when the JSON is that of something else altogether.</summary>
    /// <exception cref="InvalidDataException">Broken JSON, a missing or wrong field, or a model that is not supported.</exception>
    public static ClipConfig? TryParse(string json, string source)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            if (root.TryGetProperty("model_cfg", out JsonElement model) && model.ValueKind == JsonValueKind.Object)
                root = model;
            if (root.TryGetProperty("vision_cfg", out _) && root.TryGetProperty("text_cfg", out _))
                return OpenClip(root, source).Validate();
            if (root.TryGetProperty("vision_config", out _) && root.TryGetProperty("text_config", out _))
                return HuggingFace(root, source).Validate();
            return null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new InvalidDataException($"{source}: {e.Message}", e);
        }
    }

    /// <summary>open_clip's form.</summary>
    public static string Write(ClipConfig config)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteNumber("embed_dim", config.EmbedDim);
            if (config.Activation == Activation.QuickGelu)
                json.WriteBoolean("quick_gelu", true);
            json.WriteStartObject("vision_cfg");
            json.WriteNumber("image_size", config.ImageSize);
            json.WriteNumber("layers", config.VisionLayers);
            json.WriteNumber("width", config.VisionWidth);
            json.WriteNumber("patch_size", config.PatchSize);
            if (config.VisionHeadWidth != 64)
                json.WriteNumber("head_width", config.VisionHeadWidth);
            json.WriteEndObject();
            json.WriteStartObject("text_cfg");
            json.WriteNumber("context_length", config.ContextLength);
            json.WriteNumber("vocab_size", config.VocabSize);
            json.WriteNumber("width", config.TextWidth);
            json.WriteNumber("heads", config.TextHeads);
            json.WriteNumber("layers", config.TextLayers);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private static ClipConfig OpenClip(JsonElement root, string source)
    {
        JsonElement vision = Object(root, "vision_cfg", source), text = Object(root, "text_cfg", source);
        Refuse(vision, "vision_cfg", UnsupportedVision, source);
        Refuse(text, "text_cfg", UnsupportedText, source);
        if (vision.TryGetProperty("layers", out JsonElement layers) && layers.ValueKind == JsonValueKind.Array)
            throw new InvalidDataException($"{source}: 'vision_cfg.layers' is a list, which means a ResNet CLIP. Only vision transformers are supported.");
        RefuseOtherMlp(vision, "vision_cfg", source);
        RefuseOtherMlp(text, "text_cfg", source);
        int visionWidth = Int(vision, "vision_cfg", "width", source), headWidth = Int(vision, "vision_cfg", "head_width", source, 64);
        if (headWidth < 1 || visionWidth % headWidth != 0)
            throw new InvalidDataException($"{source}: 'vision_cfg.width' {visionWidth} is no multiple of the head width {headWidth}. Set 'vision_cfg.head_width'.");
        return new ClipConfig
        {
            EmbedDim = Int(root, "", "embed_dim", source),
            ImageSize = Int(vision, "vision_cfg", "image_size", source),
            PatchSize = Int(vision, "vision_cfg", "patch_size", source),
            VisionWidth = visionWidth,
            VisionLayers = Int(vision, "vision_cfg", "layers", source),
            VisionHeads = visionWidth / headWidth,
            ContextLength = Int(text, "text_cfg", "context_length", source, 77),
            VocabSize = Int(text, "text_cfg", "vocab_size", source, 49408),
            TextWidth = Int(text, "text_cfg", "width", source),
            TextHeads = Int(text, "text_cfg", "heads", source),
            TextLayers = Int(text, "text_cfg", "layers", source),
            Activation = root.TryGetProperty("quick_gelu", out JsonElement quick) && quick.ValueKind == JsonValueKind.True
                ? Activation.QuickGelu : Activation.Gelu,
        };
    }

    // Hugging Face writes only what differs from the class defaults, which are those of ViT-B/32.
    private static ClipConfig HuggingFace(JsonElement root, string source)
    {
        if (root.TryGetProperty("model_type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.GetString() != "clip")
            throw new InvalidDataException($"{source}: 'model_type' is '{type.GetString()}', expected 'clip' (CLIPModel with two transformers).");
        JsonElement vision = Object(root, "vision_config", source), text = Object(root, "text_config", source);
        int visionWidth = Int(vision, "vision_config", "hidden_size", source, 768), textWidth = Int(text, "text_config", "hidden_size", source, 512);
        int visionMlp = Int(vision, "vision_config", "intermediate_size", source, 3072), textMlp = Int(text, "text_config", "intermediate_size", source, 2048);
        if (visionMlp != 4 * visionWidth || textMlp != 4 * textWidth)
            throw new InvalidDataException(
                $"{source}: MLP widths {visionMlp} and {textMlp}, expected 4 times the tower widths ({4 * visionWidth} and {4 * textWidth}).");
        Activation activation = HiddenActivation(vision, source);
        if (HiddenActivation(text, source) != activation)
            throw new InvalidDataException($"{source}: the two towers have different 'hidden_act'. Expected one activation.");
        return new ClipConfig
        {
            EmbedDim = Int(root, "", "projection_dim", source, 512),
            ImageSize = Int(vision, "vision_config", "image_size", source, 224),
            PatchSize = Int(vision, "vision_config", "patch_size", source, 32),
            VisionWidth = visionWidth,
            VisionLayers = Int(vision, "vision_config", "num_hidden_layers", source, 12),
            VisionHeads = Int(vision, "vision_config", "num_attention_heads", source, 12),
            ContextLength = Int(text, "text_config", "max_position_embeddings", source, 77),
            VocabSize = Int(text, "text_config", "vocab_size", source, 49408),
            TextWidth = textWidth,
            TextHeads = Int(text, "text_config", "num_attention_heads", source, 8),
            TextLayers = Int(text, "text_config", "num_hidden_layers", source, 12),
            Activation = activation,
        };
    }

    private static Activation HiddenActivation(JsonElement tower, string source)
    {
        if (!tower.TryGetProperty("hidden_act", out JsonElement act))
            return Activation.QuickGelu;
        return (act.ValueKind == JsonValueKind.String ? act.GetString() : act.GetRawText()) switch
        {
            "quick_gelu" => Activation.QuickGelu,
            "gelu" => Activation.Gelu,
            var other => throw new InvalidDataException($"{source}: 'hidden_act' is '{other}', expected 'quick_gelu' or 'gelu'."),
        };
    }

    private static void Refuse(JsonElement tower, string where, string[] options, string source)
    {
        foreach (string option in options)
            if (tower.TryGetProperty(option, out JsonElement value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
                throw new InvalidDataException(
                    $"{source}: '{where}.{option}' is set, which means another architecture. Expected CLIP with plain transformers in both towers.");
    }

    private static void RefuseOtherMlp(JsonElement tower, string where, string source)
    {
        if (tower.TryGetProperty("mlp_ratio", out JsonElement ratio) && (ratio.ValueKind != JsonValueKind.Number || ratio.GetDouble() != 4))
            throw new InvalidDataException($"{source}: '{where}.mlp_ratio' is {ratio.GetRawText()}, expected 4.");
    }

    private static JsonElement Object(JsonElement parent, string name, string source) =>
        parent.GetProperty(name) is { ValueKind: JsonValueKind.Object } value
            ? value : throw new InvalidDataException($"{source}: '{name}' is no JSON object.");

    private static int Int(JsonElement parent, string where, string name, string source, int? fallback = null)
    {
        string label = where.Length == 0 ? name : $"{where}.{name}";
        if (!parent.TryGetProperty(name, out JsonElement value))
            return fallback ?? throw new InvalidDataException($"{source}: '{label}' is missing.");
        // One size of a square; open_clip also allows [height, width].
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2 && value[0].GetRawText() == value[1].GetRawText())
            value = value[0];
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out int number))
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{source}: '{label}' is {value.GetRawText()}, expected a whole number."));
        return number;
    }
}
