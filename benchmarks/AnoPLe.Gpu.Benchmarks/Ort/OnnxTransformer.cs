using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>
/// The blocks of either tower as an ONNX graph, as torch.onnx exports them: separate MatMul, Add, Softmax and erf, which ONNX Runtime's own
/// optimiser fuses. The batch size is fixed, so that it can plan memory and fold shapes.
/// </summary>
/// <param name="graph">Where the nodes go.</param>
/// <param name="weights">Both towers.</param>
/// <param name="activation">Between the layers of the MLP.</param>
/// <param name="B">Rows of a call.</param>
/// <param name="T">Tokens of a row.</param>
/// <param name="C">Width.</param>
/// <param name="H">Heads.</param>
internal sealed class OnnxTransformer(OnnxGraph graph, ClipWeights weights, Activation activation, int B, int T, int C, int H)
{
    /// <summary>x [B, T, C] through one block. With only one row, what follows the attention is computed for the first token alone.</summary>
    /// <param name="prefix">Of the block's tensors.</param>
    /// <param name="x">The input's name.</param>
    /// <param name="mask">[T, T], is added to the scores; null for none.</param>
    /// <param name="firstRowOnly">The result is [B, 1, C].</param>
    public string Block(string prefix, string x, string? mask = null, bool firstRowOnly = false)
    {
        string mixed = Attention(prefix, Norm(prefix + ClipTensors.Block.Ln1, x), mask);
        if (firstRowOnly)
            (mixed, x) = (FirstRow(mixed), FirstRow(x));
        x = graph.Node("Add", [x, Dense(prefix + ClipTensors.Block.OutProj, mixed, C, C)]);
        string hidden = Activate(Dense(prefix + ClipTensors.Block.Fc, Norm(prefix + ClipTensors.Block.Ln2, x), 4 * C, C));
        return graph.Node("Add", [x, Dense(prefix + ClipTensors.Block.Proj, hidden, C, 4 * C)]);
    }

    /// <summary>[B, 1, C] of [B, T, C].</summary>
    public string FirstRow(string x) => graph.Node("Slice", [x, graph.Integers(0), graph.Integers(1), graph.Integers(1)]);

    /// <summary>Layer norm over the last axis.</summary>
    public string Norm(string prefix, string x)
        => graph.Node("LayerNormalization", [x, Constant(ClipTensors.Weight(prefix), C), Constant(ClipTensors.Bias(prefix), C)], ("axis", -1L), ("epsilon", LayerNorm.Epsilon));

    /// <summary>A tensor of the weights under its own name.</summary>
    public string Constant(string name, params int[] shape) => graph.Constant(name, weights.Floats(name), shape);

    // Before the output projection.
    private string Attention(string prefix, string x, string? mask)
    {
        int D = C / H;
        string qkv = Dense(prefix + ClipTensors.Block.InProjWeight, prefix + ClipTensors.Block.InProjBias, x, 3 * C, C);
        string[] parts = graph.Split(qkv, axis: 2, C, C, C);
        string q = Heads(parts[0], 0, 2, 1, 3), keys = Heads(parts[1], 0, 2, 3, 1), values = Heads(parts[2], 0, 2, 1, 3);
        string scores = graph.Node("Mul", [graph.Node("MatMul", [q, keys]), graph.Scalar((float)(1 / Math.Sqrt(D)))]);
        if (mask is not null)
            scores = graph.Node("Add", [scores, mask]);
        string mixed = graph.Node("MatMul", [graph.Node("Softmax", [scores], ("axis", -1L)), values]);
        return graph.Node("Reshape", [graph.Node("Transpose", [mixed], ("perm", new long[] { 0, 2, 1, 3 })), graph.Integers(B, T, C)]);

        string Heads(string part, params long[] order)
            => graph.Node("Transpose", [graph.Node("Reshape", [part, graph.Integers(B, T, H, D)])], ("perm", order));
    }

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

    private string Activate(string x)
    {
        if (activation == Activation.QuickGelu)
            return graph.Node("Mul", [x, graph.Node("Sigmoid", [graph.Node("Mul", [x, graph.Scalar(1.702f)])])]);
        string erf = graph.Node("Erf", [graph.Node("Div", [x, graph.Scalar(MathF.Sqrt(2))])]);
        return graph.Node("Mul", [graph.Node("Mul", [x, graph.Node("Add", [erf, graph.Scalar(1)])]), graph.Scalar(0.5f)]);
    }
}
