using System.Collections.Frozen;
using System.Reflection;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// Sizes of a CLIP model with a vision transformer (Radford et al. 2021, arXiv 2103.00020). Everything but the activation and the
/// head counts shows in the tensor shapes of the weights.
/// </summary>
public sealed record ClipConfig
{
    private const string ResourcePrefix = "AnoPLe.Gpu.Weights.Configs.";

    /// <summary>S, side of the square input image in pixels; a multiple of <see cref="PatchSize"/>.</summary>
    public required int ImageSize { get; init; }

    /// <summary>p, side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>d_v, channels of the vision tower.</summary>
    public required int VisionWidth { get; init; }

    /// <summary>L_v, blocks of the vision tower.</summary>
    public required int VisionLayers { get; init; }

    /// <summary>H_v, attention heads of the vision tower.</summary>
    public required int VisionHeads { get; init; }

    /// <summary>d_t, channels of the text tower.</summary>
    public required int TextWidth { get; init; }

    /// <summary>L_t, blocks of the text tower.</summary>
    public required int TextLayers { get; init; }

    /// <summary>H_t, attention heads of the text tower.</summary>
    public required int TextHeads { get; init; }

    /// <summary>d, dimension of the space that images and texts share.</summary>
    public required int EmbedDim { get; init; }

    /// <summary>Number of token ids; CLIP's byte-pair encoding has 49408.</summary>
    public int VocabSize { get; init; } = 49408;

    /// <summary>T, the longest token row.</summary>
    public int ContextLength { get; init; } = 77;

    /// <summary>Nonlinearity of the MLPs: QuickGELU for OpenAI's weights, GELU for most others. No shape tells; see weights/README.md.</summary>
    public required Activation Activation { get; init; }

    /// <summary>g, patches along one side of the image.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Patch tokens of one image, g * g.</summary>
    public int Patches => Grid * Grid;

    /// <summary>Tokens of one image without prompts: the class token and the patches.</summary>
    public int VisionTokens => Patches + 1;

    /// <summary>Channels of one vision head.</summary>
    public int VisionHeadWidth => VisionWidth / VisionHeads;

    /// <summary>Channels of one text head.</summary>
    public int TextHeadWidth => TextWidth / TextHeads;

    /// <summary>The configurations that come with the library, by name: those of weights/configs.</summary>
    public static IReadOnlyDictionary<string, ClipConfig> Known { get; } = LoadKnown();

    /// <summary>The name under which <see cref="Known"/> has this configuration, or null.</summary>
    public string? KnownName => Known.Where(pair => pair.Value == this).Select(pair => pair.Key).Order(StringComparer.Ordinal).FirstOrDefault();

    /// <summary>A configuration by its name in <see cref="Known"/> (any case), or from a JSON file of open_clip or Hugging Face.</summary>
    /// <exception cref="ArgumentException">Neither a known name nor an existing file.</exception>
    /// <exception cref="InvalidDataException">The file is no configuration of a supported model.</exception>
    public static ClipConfig Find(string nameOrPath)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(nameOrPath);
        if (Known.TryGetValue(nameOrPath, out ClipConfig? known))
            return known;
        Require.That(File.Exists(nameOrPath),
            $"'{nameOrPath}' is no known configuration and no JSON file. Known: {string.Join(", ", Known.Keys.Order(StringComparer.Ordinal))}.");
        return Load(nameOrPath);
    }

    /// <summary>Reads a JSON file: open_clip's model configuration, its open_clip_config.json, or Hugging Face's config.json of a CLIPModel.</summary>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="InvalidDataException">No configuration of a supported model.</exception>
    public static ClipConfig Load(string path) => Parse(ClipConfigJson.ReadSmallFile(path), path);

    /// <summary>Like <see cref="Load"/>, from the text.</summary>
    /// <param name="json">The text of the file.</param>
    /// <param name="source">What to call it in messages.</param>
    /// <exception cref="InvalidDataException">No configuration of a supported model.</exception>
    public static ClipConfig Parse(string json, string source = "configuration") =>
        ClipConfigJson.TryParse(json, source) ?? throw new InvalidDataException(
            $"{source}: holds neither open_clip's 'embed_dim', 'vision_cfg' and 'text_cfg' nor Hugging Face's 'vision_config' and 'text_config'. "
            + "weights/configs has examples.");

    /// <summary>This configuration as open_clip writes it.</summary>
    public string ToJson() => ClipConfigJson.Write(this);

    /// <summary>Returns this configuration after checking that a model of these sizes can exist.</summary>
    /// <exception cref="ArgumentException">A size out of range, or one that does not divide another.</exception>
    public ClipConfig Validate()
    {
        InRange(ImageSize, 1, 4096, "image size");
        InRange(PatchSize, 1, 256, "patch size");
        InRange(VisionWidth, 1, 16384, "vision width");
        InRange(VisionLayers, 1, 256, "number of vision layers");
        InRange(VisionHeads, 1, 1024, "number of vision heads");
        InRange(TextWidth, 1, 16384, "text width");
        InRange(TextLayers, 1, 256, "number of text layers");
        InRange(TextHeads, 1, 1024, "number of text heads");
        InRange(EmbedDim, 1, 16384, "embedding dimension");
        InRange(VocabSize, 3, 1 << 20, "vocabulary size");
        InRange(ContextLength, 3, 4096, "context length");
        Require.That(ImageSize % PatchSize == 0, $"The image size {ImageSize} is no multiple of the patch size {PatchSize}.");
        Require.That(VisionWidth % VisionHeads == 0, $"The vision width {VisionWidth} is no multiple of its {VisionHeads} heads.");
        Require.That(TextWidth % TextHeads == 0, $"The text width {TextWidth} is no multiple of its {TextHeads} heads.");
        Require.That(Activation is Activation.Gelu or Activation.QuickGelu, $"CLIP's activation is Gelu or QuickGelu, got {Activation}.");
        Require.That((long)VocabSize * TextWidth <= int.MaxValue,
            $"A vocabulary of {VocabSize} times a text width of {TextWidth} exceeds the {int.MaxValue} elements of one tensor.");
        return this;
    }

    /// <summary>For instance "240 px / 16, vision 896 x 12 (14 heads), text 640 x 12 (10 heads), joint 640, GELU".</summary>
    public override string ToString() =>
        $"{ImageSize} px / {PatchSize}, vision {VisionWidth} x {VisionLayers} ({VisionHeads} heads), text {TextWidth} x {TextLayers} "
        + $"({TextHeads} heads), joint {EmbedDim}, vocabulary {VocabSize}, context {ContextLength}, {ActivationName(Activation)}";

    internal static string ActivationName(Activation activation) => activation == Activation.QuickGelu ? "QuickGELU" : "GELU";

    private static void InRange(int value, int low, int high, string what) =>
        Require.That(value >= low && value <= high, $"The {what} is {low} to {high}, got {value}.");

    private static FrozenDictionary<string, ClipConfig> LoadKnown()
    {
        Dictionary<string, ClipConfig> known = [];
        Assembly assembly = typeof(ClipConfig).Assembly;
        foreach (string resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(ResourcePrefix, StringComparison.Ordinal)))
        {
            using StreamReader reader = new(assembly.GetManifestResourceStream(resource)!);
            known.Add(resource[ResourcePrefix.Length..], Parse(reader.ReadToEnd(), resource));
        }
        return known.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
