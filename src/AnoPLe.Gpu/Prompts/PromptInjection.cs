using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Prompts;

/// <summary>
/// The tokens that are put into one tower: for layer j the m prompt tokens of that layer, and for the vision tower optionally one view
/// token. A tower without prompts takes <see cref="None"/> and is plain CLIP. Source: SPEC of AnoPLe, sections 5 to 7; MaPLe, arXiv 2210.03117.
/// </summary>
/// <remarks>
/// Layer 0's tokens enter with the embeddings; before block j, 1 &lt;= j &lt; depth, the previous block's output at those rows is overwritten.
/// The text tower takes them at positions 1 .. m (and adds the positional embedding at layer 0 only), the vision tower as the last m tokens.
/// </remarks>
public sealed class PromptInjection
{
    /// <summary>No prompts: plain CLIP.</summary>
    public static PromptInjection None { get; } = new([]);

    /// <summary>Describes an injection. The tensors stay the caller's.</summary>
    /// <param name="layers">Tokens of layer 0, 1, ...: (m, C) each.</param>
    /// <param name="viewTokens">(1, C) for all samples, or (V, 1, C) when sample n has view n mod V. Vision tower only.</param>
    /// <exception cref="ArgumentException">The layers differ in shape, or the view tokens have another width.</exception>
    public PromptInjection(IReadOnlyList<Tensor> layers, Tensor? viewTokens = null)
    {
        ArgumentNullException.ThrowIfNull(layers);
        foreach (var tokens in layers)
            Require.Tensor(layers[0].Backend, tokens, new(layers[0].Rows, layers[0].Width));
        if (viewTokens is not null)
            Require.That(viewTokens.Shape.Rank is 2 or 3 && viewTokens.Shape[viewTokens.Shape.Rank - 2] == 1,
                $"View tokens '{viewTokens.Name}' have shape {viewTokens.Shape}, expected [1, C] or [V, 1, C].");
        Layers = layers;
        ViewTokens = viewTokens;
    }

    /// <summary>Prompt tokens by layer.</summary>
    public IReadOnlyList<Tensor> Layers { get; }

    /// <summary>View token, or null.</summary>
    public Tensor? ViewTokens { get; }

    /// <summary>How many layers have prompts (J).</summary>
    public int Depth => Layers.Count;

    /// <summary>Prompt tokens per layer (m).</summary>
    public int PromptTokens => Layers.Count == 0 ? 0 : Layers[0].Rows;

    /// <summary>How many tokens the sequence grows by.</summary>
    public int ExtraTokens => PromptTokens + (ViewTokens is null ? 0 : 1);
}
