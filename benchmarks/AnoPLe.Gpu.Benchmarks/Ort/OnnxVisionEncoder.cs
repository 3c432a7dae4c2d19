using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>
/// CLIP's image tower as an ONNX graph, as torch.onnx exports it: separate MatMul, Add, Softmax and erf, which ONNX Runtime's own
/// optimiser fuses. The batch size is fixed, so that it can plan memory and fold shapes.
/// </summary>
internal sealed class OnnxVisionEncoder(OnnxGraph graph, ClipConfig config, ClipWeights weights, int B)
{
    /// <summary>The input, [B, 3, S, S], and the outputs: features [B, d] and, when asked for, patch tokens [B, g*g, C] after ln_post.</summary>
    public const string Images = "images", Features = "features", PatchTokens = "patch_tokens";

    private int C => config.VisionWidth;

    private int T => config.VisionTokens;

    /// <summary>Adds the whole tower. Without patch tokens the last block goes on with the class rows alone once its attention is done.</summary>
    public void Build(bool patchTokens)
    {
        string x = Norm(ClipTensors.VisualLnPre, Embed(graph.Input(Images, B, 3, config.ImageSize, config.ImageSize)));
        for (int layer = 0; layer < config.VisionLayers; layer++)
            x = Block(ClipTensors.VisionBlock(layer), x, classRowOnly: !patchTokens && layer == config.VisionLayers - 1);
        x = Norm(ClipTensors.VisualLnPost, x);
        if (patchTokens)
            graph.Output(graph.Node("Slice", [x, graph.Integers(1), graph.Integers(T), graph.Integers(1)], PatchTokens), B, config.Patches, C);
        string cls = graph.Node("Reshape", [patchTokens ? ClassRow(x) : x, graph.Integers(B, C)]);
        graph.Output(graph.Node("MatMul", [cls, Constant(ClipTensors.VisualProjection, C, config.EmbedDim)], Features), B, config.EmbedDim);
    }

    private string Embed(string images)
    {
        int p = config.PatchSize;
        string conv = graph.Node("Conv", [images, Constant(ClipTensors.PatchEmbedding, C, 3, p, p)], ("strides", new long[] { p, p }), ("kernel_shape", new long[] { p, p }));
        string patches = graph.Node("Transpose", [graph.Node("Reshape", [conv, graph.Integers(B, C, T - 1)])], ("perm", new long[] { 0, 2, 1 }));
        string cls = graph.Node("Expand", [Constant(ClipTensors.ClassEmbedding, 1, 1, C), graph.Integers(B, 1, C)]);
        return graph.Node("Add", [graph.Node("Concat", [cls, patches], ("axis", 1L)), Constant(ClipTensors.VisualPositions, 1, T, C)]);
    }

    private string Block(string prefix, string x, bool classRowOnly)
    {
        string mixed = Attention(prefix, Norm(prefix + ClipTensors.Block.Ln1, x));
        if (classRowOnly)
            (mixed, x) = (ClassRow(mixed), ClassRow(x));
        x = graph.Node("Add", [x, Dense(prefix + ClipTensors.Block.OutProj, mixed, C, C)]);
        string hidden = Activate(Dense(prefix + ClipTensors.Block.Fc, Norm(prefix + ClipTensors.Block.Ln2, x), 4 * C, C));
        return graph.Node("Add", [x, Dense(prefix + ClipTensors.Block.Proj, hidden, C, 4 * C)]);
    }

    // Before the output projection.
    private string Attention(string prefix, string x)
    {
        int H = config.VisionHeads, D = C / H;
        string qkv = Dense(prefix + ClipTensors.Block.InProjWeight, prefix + ClipTensors.Block.InProjBias, x, 3 * C, C);
        string[] parts = graph.Split(qkv, axis: 2, C, C, C);
        string q = Heads(parts[0], 0, 2, 1, 3), keys = Heads(parts[1], 0, 2, 3, 1), values = Heads(parts[2], 0, 2, 1, 3);
        string scores = graph.Node("Mul", [graph.Node("MatMul", [q, keys]), graph.Scalar((float)(1 / Math.Sqrt(D)))]);
        string mixed = graph.Node("MatMul", [graph.Node("Softmax", [scores], ("axis", -1L)), values]);
        return graph.Node("Reshape", [graph.Node("Transpose", [mixed], ("perm", new long[] { 0, 2, 1, 3 })), graph.Integers(B, T, C)]);

        string Heads(string part, params long[] order)
            => graph.Node("Transpose", [graph.Node("Reshape", [part, graph.Integers(B, T, H, D)])], ("perm", order));
    }

    private string ClassRow(string x) => graph.Node("Slice", [x, graph.Integers(0), graph.Integers(1), graph.Integers(1)]);

    private string Dense(string prefix, string x, int outFeatures, int inFeatures)
        => Dense(ClipTensors.Weight(prefix), ClipTensors.Bias(prefix), x, outFeatures, inFeatures);

    // x W^T + b, with W transposed here: ONNX's MatMul takes [in, out].
    private string Dense(string weight, string bias, string x, int outFeatures, int inFeatures)
    {
        var w = weights.Floats(weight);
        var transposed = new float[w.Length];
        for (int o = 0; o < outFeatures; o++)
            for (int i = 0; i < inFeatures; i++)
                transposed[i * outFeatures + o] = w[o * inFeatures + i];
        return graph.Node("Add", [graph.Node("MatMul", [x, graph.Constant(weight, transposed, inFeatures, outFeatures)]), Constant(bias, outFeatures)]);
    }

    private string Norm(string prefix, string x)
        => graph.Node("LayerNormalization", [x, Constant(ClipTensors.Weight(prefix), C), Constant(ClipTensors.Bias(prefix), C)], ("axis", -1L), ("epsilon", LayerNorm.Epsilon));

    private string Constant(string name, params int[] shape) => graph.Constant(name, weights.Floats(name), shape);

    private string Activate(string x)
    {
        if (config.Activation == Activation.QuickGelu)
            return graph.Node("Mul", [x, graph.Node("Sigmoid", [graph.Node("Mul", [x, graph.Scalar(1.702f)])])]);
        string erf = graph.Node("Erf", [graph.Node("Div", [x, graph.Scalar(MathF.Sqrt(2))])]);
        return graph.Node("Mul", [graph.Node("Mul", [x, graph.Node("Add", [erf, graph.Scalar(1)])]), graph.Scalar(0.5f)]);
    }
}
