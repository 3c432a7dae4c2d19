using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// CLIP's text transformer with prompt-injected layers. Row: [SOT ; prompts ; words ; EOT ; padding].
/// Source: openai/CLIP clip/model.py, CLIP.encode_text; prompts as MaPLe, arXiv 2210.03117.
/// </summary>
/// <remarks>
/// The token table is the largest matrix of the model and a pass needs a few of its rows, so they are gathered on the host and the
/// table never goes to the device. With the causal mask, tokens after the last end-of-text cannot influence a feature: the rows are cut there.
/// </remarks>
public sealed partial class TextEncoder : IDisposable
{
    private readonly Backend backend;
    private readonly ClipConfig config;
    private readonly ClipWeights weights;
    private readonly WeightUploader upload;
    private readonly Tensor positions, lnFinalWeight, lnFinalBias;
    private readonly PackedLinear projection;
    private readonly TransformerBlock[] blocks;

    internal TextEncoder(ClipWeights weights, Backend backend)
    {
        this.backend = backend;
        this.weights = weights;
        config = weights.Config;
        upload = new WeightUploader(weights, backend);
        positions = upload.Matrix(ClipTensors.TextPositions, config.ContextLength, config.TextWidth);
        (lnFinalWeight, lnFinalBias) = upload.Norm(ClipTensors.TextLnFinal);
        projection = upload.Linear(ClipTensors.TextProjection, bias: null, config.EmbedDim, config.TextWidth, WeightLayout.InOut);
        blocks = new TransformerBlock[config.TextLayers];
        for (int j = 0; j < blocks.Length; j++)
            blocks[j] = new TransformerBlock(upload, ClipTensors.TextBlock(j), $"txt.L{j}.", config.TextWidth, config.TextHeads, config.Activation);
    }

    /// <summary>Features of token rows, not normalised.</summary>
    /// <param name="ids">R rows of ids, each <see cref="ClipConfig.ContextLength"/> long; the end of text is the first largest id of a row.</param>
    /// <param name="prompts">Tokens for positions 1 .. m, whose ids are placeholders, or <see cref="PromptInjection.None"/>.</param>
    /// <param name="observer">Is shown every named activation, or null.</param>
    /// <returns>R * d values.</returns>
    /// <exception cref="ArgumentException">A row of another length, an id outside the vocabulary, or prompts that do not fit.</exception>
    public float[] Encode(IReadOnlyList<int[]> ids, PromptInjection prompts, ActivationObserver? observer = null)
    {
        CheckRows(ids, prompts);
        int[] ends = [.. ids.Select(EndOfText)];
        int R = ids.Count, T = ends.Max() + 1, C = config.TextWidth;
        using var arena = new Arena(backend);
        var x = arena.Take("txt.x", new(R, T, C));
        var block = new BlockActivations(arena, "txt.", [R, T], C, config.TextHeads);
        var final = arena.Take("txt.eot", new(R, C));
        var features = arena.Take("txt.features", new(R, config.EmbedDim));
        var endRows = arena.Take("txt.eot_rows", new(R), ElementType.I32);
        backend.Write(endRows, ends.Select((end, row) => row * T + end).ToArray());
        backend.Write(x, Embed(ids, T));

        if (prompts.Depth > 0)
            backend.TokenInjection.Forward(x, prompts.Layers[0], start: 1, positions);
        observer?.Invoke("txt.embed", x);
        for (int j = 0; j < blocks.Length; j++)
        {
            if (j > 0 && j < prompts.Depth)
                backend.TokenInjection.Forward(x, prompts.Layers[j], start: 1);
            blocks[j].Forward(x, block, causal: true, observer);
        }
        backend.RowGather.Forward(final, x, endRows);
        backend.LayerNorm.Forward(final, final, lnFinalWeight, lnFinalBias);
        backend.Linear.Forward(features, final, projection);
        observer?.Invoke("txt.features", features);
        return backend.Download(features);
    }

    private void CheckRows(IReadOnlyList<int[]> ids, PromptInjection prompts)
    {
        Require.That(ids.Count > 0, $"No token rows were given.");
        foreach (var row in ids)
        {
            Require.That(row.Length == config.ContextLength, $"A token row has {row.Length} ids, expected {config.ContextLength}.");
            foreach (int id in row)
                Require.That(id >= 0 && id < config.VocabSize, $"Token {id} is not in this model's vocabulary of {config.VocabSize}.");
            Require.That(prompts.PromptTokens < EndOfText(row), $"{prompts.PromptTokens} prompt tokens leave no room in a text that ends at {EndOfText(row)}.");
        }
        Require.That(prompts.ViewTokens is null, $"The text tower takes no view token.");
        Require.That(prompts.Depth <= config.TextLayers, $"Prompts for {prompts.Depth} layers, the text tower has {config.TextLayers}.");
    }

    private static int EndOfText(int[] row)
    {
        int best = 0;
        for (int i = 1; i < row.Length; i++)
            if (row[i] > row[best])
                best = i;
        return best;
    }

    // x = token_embedding[ids] + positional_embedding
    private float[] Embed(IReadOnlyList<int[]> ids, int T)
    {
        int C = config.TextWidth;
        var x = new float[ids.Count * T * C];
        var position = weights.Floats(ClipTensors.TextPositions);
        for (int r = 0; r < ids.Count; r++)
        {
            var row = x.AsSpan(r * T * C, T * C);
            weights.TokenEmbeddingRows(ids[r].AsSpan(0, T), row);
            for (int i = 0; i < row.Length; i++)
                row[i] += position[i];
        }
        return x;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in blocks)
            block.Dispose();
        transposedProjection?.Dispose();
        foreach (IDisposable part in new IDisposable[] { positions, lnFinalWeight, lnFinalBias, projection })
            part.Dispose();
    }
}
