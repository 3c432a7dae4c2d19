using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>CLIP's text tower as an ONNX graph. Source: openai/CLIP clip/model.py, CLIP.encode_text and build_attention_mask.</summary>
internal sealed class OnnxTextEncoder(OnnxGraph graph, ClipConfig config, ClipWeights weights, int B)
{
    /// <summary>The input, [B, T] of 32-bit ids, and the output, features [B, d].</summary>
    public const string Tokens = "tokens", Features = "features";

    private readonly OnnxTransformer transformer = new(graph, weights, config.Activation, B, config.ContextLength, config.TextWidth, config.TextHeads);

    private int C => config.TextWidth;

    private int T => config.ContextLength;

    /// <summary>Adds the whole tower; every block computes every row.</summary>
    public void Build()
    {
        string tokens = graph.Int32Input(Tokens, B, T);
        string table = transformer.Constant(ClipTensors.TokenEmbedding, config.VocabSize, C);
        string x = graph.Node("Add", [graph.Node("Gather", [table, tokens], ("axis", 0L)), transformer.Constant(ClipTensors.TextPositions, 1, T, C)]);
        string mask = graph.Constant("causal_mask", CausalMask(), T, T);
        for (int layer = 0; layer < config.TextLayers; layer++)
            x = transformer.Block(ClipTensors.TextBlock(layer), x, mask);
        // openai/CLIP norms all rows and then takes one of each text. Taking it first is the same for less work, and what we do.
        string end = transformer.Norm(ClipTensors.TextLnFinal, EndOfText(x, tokens));
        graph.Output(graph.Node("MatMul", [end, transformer.Constant(ClipTensors.TextProjection, C, config.EmbedDim)], Features), B, config.EmbedDim);
    }

    // x[arange(B), tokens.argmax(-1)]: the end of text has the largest id.
    private string EndOfText(string x, string tokens)
    {
        string position = graph.Node("ArgMax", [tokens], ("axis", 1L), ("keepdims", 0L));
        string row = graph.Node("Add", [position, graph.Integers([.. Enumerable.Range(0, B).Select(b => (long)b * T)])]);
        return graph.Node("Gather", [graph.Node("Reshape", [x, graph.Integers(B * T, C)]), row], ("axis", 0L));
    }

    // Minus infinity above the diagonal.
    private float[] CausalMask()
    {
        var mask = new float[T * T];
        for (int i = 0; i < T; i++)
            mask.AsSpan(i * T + i + 1, T - i - 1).Fill(float.NegativeInfinity);
        return mask;
    }
}
