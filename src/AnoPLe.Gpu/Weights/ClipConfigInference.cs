using System.Globalization;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// The configuration of a weights file. Sizes come from tensor shapes. The activation and the head counts do not show there; they come
/// from the first of: what the caller expects; FILE.json beside the file; the file's metadata ('act', 'v_heads', 't_heads', as
/// <see cref="ClipWeightsInit"/> writes it); open_clip_config.json or config.json in its folder, if their sizes are those of the tensors;
/// what only OpenAI's archives or open_clip's training checkpoints hold; the known configuration of these sizes; else heads of width 64
/// (80 for an image tower of width 1280, as ViT-H/14 has) and GELU.
/// </summary>
internal static class ClipConfigInference
{
    private static readonly string[] FolderConfigs = ["open_clip_config.json", "config.json"];

    /// <summary>The configuration, and in <paramref name="notes"/> where each thing that no shape tells came from.</summary>
    /// <exception cref="InvalidDataException">Tensors are missing, or something contradicts the tensors.</exception>
    public static ClipConfig Infer(ClipLayout file, ClipConfig? expected, List<string> notes)
    {
        string path = file.Path;
        ClipConfig sizes = Sizes(file);
        ClipConfig config = Choose(file, sizes, expected, notes);
        try
        {
            return config.Validate();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message} Give the configuration in {SidecarName(path)}.", e);
        }
    }

    /// <summary>The JSON file that belongs to this weights file alone: "model.safetensors" has "model.json".</summary>
    public static string SidecarName(string path) => Path.ChangeExtension(path, ".json");

    private static ClipConfig Choose(ClipLayout file, ClipConfig sizes, ClipConfig? expected, List<string> notes)
    {
        string path = file.Path;
        if (expected is not null)
        {
            CheckSameSizes(path, sizes, expected, "the expected configuration");
            return expected;
        }
        if (SidecarName(path) is var sidecar && sidecar != path && File.Exists(sidecar) && ClipConfigJson.TryParse(ClipConfigJson.ReadSmallFile(sidecar), sidecar) is { } beside)
        {
            CheckSameSizes(path, sizes, beside, sidecar);
            notes.Add($"{ActivationAndHeads(beside)}, from {sidecar}.");
            return beside;
        }
        ClipConfig? stated = FromMetadata(file, sizes);
        if (stated is { Activation: not Activation.None, VisionHeads: > 0, TextHeads: > 0 })
        {
            notes.Add($"{ActivationAndHeads(stated)}, from the file's metadata.");
            return stated;
        }
        ClipConfig config = FromFolder(path, sizes, notes) ?? FromOpenAi(file, sizes, notes) ?? FromTraining(file, sizes, notes) ?? FromTable(sizes, notes);
        if (stated == sizes)
            return config;
        config = config with
        {
            Activation = stated.Activation != Activation.None ? stated.Activation : config.Activation,
            VisionHeads = stated.VisionHeads > 0 ? stated.VisionHeads : config.VisionHeads,
            TextHeads = stated.TextHeads > 0 ? stated.TextHeads : config.TextHeads,
        };
        notes.Add($"{ActivationAndHeads(config)}, after what the file's metadata says.");
        return config;
    }

    private static string ActivationAndHeads(ClipConfig config) =>
        $"Activation {ClipConfig.ActivationName(config.Activation)}, {config.VisionHeads} image and {config.TextHeads} text heads";

    private static ClipConfig Sizes(ClipLayout file)
    {
        string path = file.Path;
        long[] patch = Shape(file, ClipTensors.PatchEmbedding, 4), positions = Shape(file, ClipTensors.VisualPositions, 2);
        long[] projection = Shape(file, ClipTensors.VisualProjection, 2), tokens = Shape(file, ClipTensors.TokenEmbedding, 2);
        long[] context = Shape(file, ClipTensors.TextPositions, 2);
        int grid = (int)Math.Round(Math.Sqrt(Math.Max(positions[0] - 1, 0)));
        if (grid < 1 || (long)grid * grid + 1 != positions[0])
            throw new InvalidDataException($"{path}: '{ClipTensors.VisualPositions}' has {positions[0]} rows, expected g * g + 1 for a square grid of patches.");
        int patchSize = Int(path, ClipTensors.PatchEmbedding, patch[2]);
        return new ClipConfig
        {
            PatchSize = patchSize,
            ImageSize = Int(path, ClipTensors.VisualPositions, (long)grid * patchSize),
            VisionWidth = Int(path, ClipTensors.PatchEmbedding, patch[0]),
            VisionLayers = file.Layers(vision: true),
            VisionHeads = 0,
            EmbedDim = Int(path, ClipTensors.VisualProjection, projection[1]),
            VocabSize = Int(path, ClipTensors.TokenEmbedding, tokens[0]),
            TextWidth = Int(path, ClipTensors.TokenEmbedding, tokens[1]),
            ContextLength = Int(path, ClipTensors.TextPositions, context[0]),
            TextLayers = file.Layers(vision: false),
            TextHeads = 0,
            Activation = Activation.None,
        };
    }

    private static ClipConfig? FromFolder(string path, ClipConfig sizes, List<string> notes)
    {
        string folder = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path))!;
        foreach (string candidate in FolderConfigs.Select(name => Path.Combine(folder, name)).Where(File.Exists))
        {
            ClipConfig? config;
            try
            {
                config = ClipConfigJson.TryParse(ClipConfigJson.ReadSmallFile(candidate), candidate);
            }
            catch (InvalidDataException e)
            {
                notes.Add($"Not used: {e.Message}");
                continue;
            }
            if (config is null)
                continue;
            if (SizesOf(config) == sizes)
            {
                notes.Add($"{ActivationAndHeads(config)}, from {candidate}.");
                return config;
            }
            notes.Add($"Not used, because it describes a model of other sizes: {candidate}.");
        }
        return null;
    }

    // model.py of openai/CLIP: QuickGELU throughout, vision_heads = vision_width // 64, transformer_heads = transformer_width // 64.
    private static ClipConfig? FromOpenAi(ClipLayout file, ClipConfig sizes, List<string> notes)
    {
        if (!file.IsOpenAiArchive)
            return null;
        ClipConfig config = sizes with
        {
            Activation = Activation.QuickGelu,
            VisionHeads = Math.Max(sizes.VisionWidth / 64, 1),
            TextHeads = Math.Max(sizes.TextWidth / 64, 1),
        };
        notes.Add($"{ActivationAndHeads(config)}, as in OpenAI's own files, which hold 'input_resolution', 'context_length' and 'vocab_size' like this one.");
        return config;
    }

    // Unless told otherwise, open_clip's training names its checkpoints "...-model_ViT-B-32-lr_...", with "-quickgelu" in the model's name if it has it.
    private static ClipConfig? FromTraining(ClipLayout file, ClipConfig sizes, List<string> notes)
    {
        if (!file.Metadata.TryGetValue("name", out string? run) || !file.Metadata.ContainsKey("epoch")
            || !run.Contains("model_ViT-", StringComparison.Ordinal))
            return null;
        ClipConfig config = FromTable(sizes, []) with
        {
            Activation = run.Contains("quickgelu", StringComparison.OrdinalIgnoreCase) ? Activation.QuickGelu : Activation.Gelu,
        };
        notes.Add($"{ActivationAndHeads(config)}, by the name of the training run in the file, {ForeignFormat.Quote(run)}.");
        return config;
    }

    private static ClipConfig FromTable(ClipConfig sizes, List<string> notes)
    {
        if (ClipConfig.Known.FirstOrDefault(pair => SizesOf(pair.Value) == sizes) is { Value: { } known } pair)
        {
            notes.Add($"{ActivationAndHeads(known)}, as the known configuration {pair.Key} of these sizes."
                + (known.Activation == Activation.QuickGelu && pair.Key.StartsWith("vit-", StringComparison.Ordinal)
                    ? " Weights of these sizes that OpenAI did not train mostly use GELU: weights/README.md says how to say so." : ""));
            return known;
        }
        int headWidth = sizes.VisionWidth == 1280 ? 80 : 64;
        notes.Add($"No configuration of these sizes is known: assumed GELU and heads of width {headWidth} (image) and 64 (text). "
            + "A JSON file beside the weights says otherwise.");
        return sizes with
        {
            Activation = Activation.Gelu,
            VisionHeads = Math.Max(sizes.VisionWidth / headWidth, 1),
            TextHeads = Math.Max(sizes.TextWidth / 64, 1),
        };
    }

    // What the metadata states, on top of the sizes; what it does not state stays None and 0.
    private static ClipConfig FromMetadata(ClipLayout file, ClipConfig sizes)
    {
        string path = file.Path;
        IReadOnlyDictionary<string, string> metadata = file.Metadata;
        if (metadata.TryGetValue("image_size", out string? size) && Number(path, "image_size", size) != sizes.ImageSize)
            throw new InvalidDataException($"{path}: its metadata says image_size {size}, its tensors are those of {sizes.ImageSize}.");
        return sizes with
        {
            Activation = !metadata.TryGetValue("act", out string? act) ? Activation.None : act switch
            {
                "quick_gelu" => Activation.QuickGelu,
                "gelu" => Activation.Gelu,
                _ => throw new InvalidDataException($"{path}: its metadata says act {ForeignFormat.Quote(act)}, expected 'quick_gelu' or 'gelu'."),
            },
            VisionHeads = metadata.TryGetValue("v_heads", out string? visionHeads) ? Number(path, "v_heads", visionHeads) : 0,
            TextHeads = metadata.TryGetValue("t_heads", out string? textHeads) ? Number(path, "t_heads", textHeads) : 0,
        };
    }

    // The configuration with everything blanked out that no shape tells.
    private static ClipConfig SizesOf(ClipConfig config) => config with { Activation = Activation.None, VisionHeads = 0, TextHeads = 0 };

    private static void CheckSameSizes(string path, ClipConfig sizes, ClipConfig other, string source)
    {
        List<string> differences = [];
        void Compare(string what, int inFile, int expected)
        {
            if (inFile != expected)
                differences.Add($"{what} {inFile}, expected {expected}");
        }
        Compare("image size", sizes.ImageSize, other.ImageSize);
        Compare("patch size", sizes.PatchSize, other.PatchSize);
        Compare("vision width", sizes.VisionWidth, other.VisionWidth);
        Compare("vision layers", sizes.VisionLayers, other.VisionLayers);
        Compare("text width", sizes.TextWidth, other.TextWidth);
        Compare("text layers", sizes.TextLayers, other.TextLayers);
        Compare("joint dimension", sizes.EmbedDim, other.EmbedDim);
        Compare("vocabulary", sizes.VocabSize, other.VocabSize);
        Compare("context length", sizes.ContextLength, other.ContextLength);
        if (differences.Count > 0)
            throw new InvalidDataException($"{path}: its tensors contradict {source}: {string.Join("; ", differences)}. "
                + "Use the weights that belong to it, or the configuration that belongs to the weights.");
    }

    private static long[] Shape(ClipLayout file, string canonical, int axes)
    {
        long[] shape = file.Shape(canonical) ?? throw ClipWeightsFile.Missing(file, [canonical]);
        return shape.Length == axes ? shape : throw new InvalidDataException(
            $"{file.Path}: tensor '{canonical}' has shape {SafetensorsTensor.Text(shape)}, expected {axes} axes.");
    }

    private static int Int(string path, string canonical, long axis) => axis is > 0 and <= int.MaxValue
        ? (int)axis : throw new InvalidDataException($"{path}: tensor '{canonical}' has an axis of {axis}, which no CLIP model has.");

    private static int Number(string path, string key, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number : throw new InvalidDataException($"{path}: its metadata says {key} {ForeignFormat.Quote(text)}, expected a positive whole number.");
}
