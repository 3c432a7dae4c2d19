using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Weights;

/// <summary>One tensor of a CLIP model under its canonical name.</summary>
/// <param name="Name">The name in OpenAI's and open_clip's files.</param>
/// <param name="Shape">Axes, slowest first; no axes for the scalar logit_scale.</param>
public sealed record ClipTensor(string Name, Shape Shape);

/// <summary>
/// The one table of a CLIP model's tensors: canonical names (those of openai/CLIP's state dict, which open_clip kept) and shapes.
/// Linear weights are [out, in]; <see cref="VisualProjection"/> and <see cref="TextProjection"/> are [in, out].
/// </summary>
public static class ClipTensors
{
    /// <summary>[d_v, 3, p, p]: the patch embedding, without bias.</summary>
    public const string PatchEmbedding = "visual.conv1.weight";

    /// <summary>[d_v]: the class token.</summary>
    public const string ClassEmbedding = "visual.class_embedding";

    /// <summary>[g * g + 1, d_v]: class token first, then patches by row and column.</summary>
    public const string VisualPositions = "visual.positional_embedding";

    /// <summary>Prefix of the layer norm before the vision blocks; see <see cref="Weight"/> and <see cref="Bias"/>. [d_v].</summary>
    public const string VisualLnPre = "visual.ln_pre";

    /// <summary>Prefix of the layer norm after the vision blocks. [d_v].</summary>
    public const string VisualLnPost = "visual.ln_post";

    /// <summary>[d_v, d]: from the vision tower to the joint space.</summary>
    public const string VisualProjection = "visual.proj";

    /// <summary>[vocab, d_t].</summary>
    public const string TokenEmbedding = "token_embedding.weight";

    /// <summary>[T, d_t].</summary>
    public const string TextPositions = "positional_embedding";

    /// <summary>Prefix of the layer norm after the text blocks. [d_t].</summary>
    public const string TextLnFinal = "ln_final";

    /// <summary>[d_t, d]: from the text tower to the joint space.</summary>
    public const string TextProjection = "text_projection";

    /// <summary>Scalar: the logarithm of the inverse temperature of CLIP's cosines.</summary>
    public const string LogitScale = "logit_scale";

    internal const string VisionBlocks = "visual.transformer.resblocks.";
    internal const string TextBlocks = "transformer.resblocks.";

    /// <summary>Prefix of a vision block, ending in a dot: the block's tensors are this plus the names of <see cref="Block"/>.</summary>
    public static string VisionBlock(int layer) => $"{VisionBlocks}{layer}.";

    /// <summary>Prefix of a text block, ending in a dot.</summary>
    public static string TextBlock(int layer) => $"{TextBlocks}{layer}.";

    /// <summary>Name of the weight of a layer norm or linear layer.</summary>
    public static string Weight(string prefix) => prefix + ".weight";

    /// <summary>Name of the bias of a layer norm or linear layer.</summary>
    public static string Bias(string prefix) => prefix + ".bias";

    /// <summary>Names inside a transformer block of width w.</summary>
    public static class Block
    {
        /// <summary>Layer norm before the attention; [w].</summary>
        public const string Ln1 = "ln_1";

        /// <summary>[3w, w]: query rows, then key rows, then value rows.</summary>
        public const string InProjWeight = "attn.in_proj_weight";

        /// <summary>[3w].</summary>
        public const string InProjBias = "attn.in_proj_bias";

        /// <summary>Linear layer after the attention; [w, w] and [w].</summary>
        public const string OutProj = "attn.out_proj";

        /// <summary>Layer norm before the MLP; [w].</summary>
        public const string Ln2 = "ln_2";

        /// <summary>First linear layer of the MLP; [4w, w] and [4w].</summary>
        public const string Fc = "mlp.c_fc";

        /// <summary>Second linear layer of the MLP; [w, 4w] and [w].</summary>
        public const string Proj = "mlp.c_proj";
    }

    /// <summary>Every tensor of a model of this configuration, vision tower first. The order is that of our files and hashes.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid.</exception>
    public static IReadOnlyList<ClipTensor> All(ClipConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        int vision = config.VisionWidth, text = config.TextWidth;
        List<ClipTensor> all =
        [
            new(ClassEmbedding, new(vision)),
            new(PatchEmbedding, new(vision, 3, config.PatchSize, config.PatchSize)),
            new(VisualPositions, new(config.VisionTokens, vision)),
        ];
        AddPair(all, VisualLnPre, new(vision), vision);
        for (int layer = 0; layer < config.VisionLayers; layer++)
            AddBlock(all, VisionBlock(layer), vision);
        AddPair(all, VisualLnPost, new(vision), vision);
        all.Add(new(VisualProjection, new(vision, config.EmbedDim)));
        all.Add(new(TokenEmbedding, new(config.VocabSize, text)));
        all.Add(new(TextPositions, new(config.ContextLength, text)));
        for (int layer = 0; layer < config.TextLayers; layer++)
            AddBlock(all, TextBlock(layer), text);
        AddPair(all, TextLnFinal, new(text), text);
        all.Add(new(TextProjection, new(text, config.EmbedDim)));
        all.Add(new(LogitScale, default));
        return all;
    }

    private static void AddBlock(List<ClipTensor> all, string prefix, int width)
    {
        AddPair(all, prefix + Block.Ln1, new(width), width);
        all.Add(new(prefix + Block.InProjWeight, new(3 * width, width)));
        all.Add(new(prefix + Block.InProjBias, new(3 * width)));
        AddPair(all, prefix + Block.OutProj, new(width, width), width);
        AddPair(all, prefix + Block.Ln2, new(width), width);
        AddPair(all, prefix + Block.Fc, new(4 * width, width), 4 * width);
        AddPair(all, prefix + Block.Proj, new(width, 4 * width), width);
    }

    private static void AddPair(List<ClipTensor> all, string prefix, Shape weight, int bias)
    {
        all.Add(new(Weight(prefix), weight));
        all.Add(new(Bias(prefix), new(bias)));
    }
}
