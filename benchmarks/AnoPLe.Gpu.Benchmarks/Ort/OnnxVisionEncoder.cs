using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>CLIP's image tower as an ONNX graph.</summary>
internal sealed class OnnxVisionEncoder(OnnxGraph graph, ClipConfig config, ClipWeights weights, int B)
{
    /// <summary>The input, [B, 3, S, S], and the outputs: features [B, d] and, when asked for, patch tokens [B, g*g, C] after ln_post.</summary>
    public const string Images = "images", Features = "features", PatchTokens = "patch_tokens";

    private readonly OnnxTransformer transformer = new(graph, weights, config.Activation, B, config.VisionTokens, config.VisionWidth, config.VisionHeads);

    private int C => config.VisionWidth;

    private int T => config.VisionTokens;

    /// <summary>Adds the whole tower. Without patch tokens the last block goes on with the class rows alone once its attention is done.</summary>
    public void Build(bool patchTokens)
    {
        string x = transformer.Norm(ClipTensors.VisualLnPre, Embed(graph.Input(Images, B, 3, config.ImageSize, config.ImageSize)));
        for (int layer = 0; layer < config.VisionLayers; layer++)
            x = transformer.Block(ClipTensors.VisionBlock(layer), x, firstRowOnly: !patchTokens && layer == config.VisionLayers - 1);
        x = transformer.Norm(ClipTensors.VisualLnPost, x);
        if (patchTokens)
            graph.Output(graph.Node("Slice", [x, graph.Integers(1), graph.Integers(T), graph.Integers(1)], PatchTokens), B, config.Patches, C);
        string cls = graph.Node("Reshape", [patchTokens ? transformer.FirstRow(x) : x, graph.Integers(B, C)]);
        graph.Output(graph.Node("MatMul", [cls, transformer.Constant(ClipTensors.VisualProjection, C, config.EmbedDim)], Features), B, config.EmbedDim);
    }

    private string Embed(string images)
    {
        int p = config.PatchSize;
        string conv = graph.Node("Conv", [images, transformer.Constant(ClipTensors.PatchEmbedding, C, 3, p, p)], ("strides", new long[] { p, p }), ("kernel_shape", new long[] { p, p }));
        string patches = graph.Node("Transpose", [graph.Node("Reshape", [conv, graph.Integers(B, C, T - 1)])], ("perm", new long[] { 0, 2, 1 }));
        string cls = graph.Node("Expand", [transformer.Constant(ClipTensors.ClassEmbedding, 1, 1, C), graph.Integers(B, 1, C)]);
        return graph.Node("Add", [graph.Node("Concat", [cls, patches], ("axis", 1L)), transformer.Constant(ClipTensors.VisualPositions, 1, T, C)]);
    }
}
