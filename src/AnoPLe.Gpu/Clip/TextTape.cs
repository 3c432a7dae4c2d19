using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Clip;

/// <summary>All memory of text passes over fixed token rows that are followed by backward passes. R rows, T tokens up to the last end of text.</summary>
internal sealed class TextTape : IDisposable
{
    private readonly Arena arena;

    /// <summary>Takes memory.</summary>
    public TextTape(Backend backend, ClipConfig config, int R, int T)
    {
        int C = config.TextWidth, d = config.EmbedDim;
        arena = new Arena(backend);
        try
        {
            Tokens = arena.Take("txt.tokens", new(R, T, C));
            Blocks = [.. Enumerable.Range(0, config.TextLayers).Select(j => new BlockTape(arena, $"txt.L{j}.", R, T, C, config.TextHeads))];
            Out = arena.Take("txt.out", new(R, T, C));
            EndRows = arena.Take("txt.eot_rows", new(R), ElementType.I32);
            End = arena.Take("txt.eot", new(R, C));
            Final = arena.Take("txt.final", new(R, C));
            FinalMean = arena.Take("txt.final_mean", new(R));
            FinalRstd = arena.Take("txt.final_rstd", new(R));
            Features = arena.Take("txt.features", new(R, d));
            Unit = arena.Take("txt.w", new(R, d));
            UnitGradient = arena.Take("grad.txt.w", new(R, d));
            FeaturesGradient = arena.Take("grad.txt.features", new(R, d));
            EndGradient = arena.Take("grad.txt.eot", new(R, C));
            Gradient = arena.Take("grad.txt.x", new(R, T, C));
            Scratch = new BlockScratch(arena, "txt.", R, T, C);
            arena.Seal();
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>Token embeddings plus positions, (R, T, C); placeholders where prompts go.</summary>
    public Tensor Tokens { get; }

    /// <summary>One tape per block.</summary>
    public IReadOnlyList<BlockTape> Blocks { get; }

    /// <summary>Output of the last block, (R, T, C).</summary>
    public Tensor Out { get; }

    /// <summary>Places of the ends of text.</summary>
    public Tensor EndRows { get; }

    /// <summary>Rows at the ends of text, (R, C).</summary>
    public Tensor End { get; }

    /// <summary>The same after ln_final, then the gradient of that.</summary>
    public Tensor Final { get; }

    /// <summary>ln_final's means.</summary>
    public Tensor FinalMean { get; }

    /// <summary>ln_final's reciprocal deviations.</summary>
    public Tensor FinalRstd { get; }

    /// <summary>Text features, (R, d).</summary>
    public Tensor Features { get; }

    /// <summary>w, unit text features, (R, d).</summary>
    public Tensor Unit { get; }

    /// <summary>Gradient of <see cref="Unit"/>, which the losses add to.</summary>
    public Tensor UnitGradient { get; }

    /// <summary>Gradient of <see cref="Features"/>.</summary>
    public Tensor FeaturesGradient { get; }

    /// <summary>Gradient of <see cref="End"/>.</summary>
    public Tensor EndGradient { get; }

    /// <summary>Gradient of the residual stream, (R, T, C).</summary>
    public Tensor Gradient { get; }

    /// <summary>Memory of all blocks.</summary>
    public BlockScratch Scratch { get; }

    /// <inheritdoc/>
    public void Dispose() => arena.Dispose();
}
