using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Clip;

/// <summary>All memory of a vision pass that is followed by a backward pass: taken once, used for every batch of the same size.</summary>
internal sealed class VisionTape : IDisposable
{
    private readonly Arena arena;

    /// <summary>Takes memory for B images and a number of view and prompt tokens.</summary>
    public VisionTape(Backend backend, ClipConfig config, int batch, int extraTokens)
    {
        Require.That(batch >= 1, $"A batch holds at least one image, got {batch}.");
        int B = batch, C = config.VisionWidth, S = config.ImageSize, grid = config.Patches, T = config.VisionTokens + extraTokens;
        ExtraTokens = extraTokens;
        arena = new Arena(backend);
        try
        {
            Images = arena.Take("in.images", new(B, 3, S, S));
            Embedded = arena.Take("vis.embed", new(B, T, C));
            PreMean = arena.Take("vis.pre_mean", new(B * T));
            PreRstd = arena.Take("vis.pre_rstd", new(B * T));
            Blocks = [.. Enumerable.Range(0, config.VisionLayers).Select(j => new BlockTape(arena, $"vis.L{j}.", B, T, C, config.VisionHeads))];
            Out = arena.Take("vis.out", new(B, T, C));
            Class = Last("cls", [B, C], [B], i => i * T);
            Patches = Last("patches", [B, grid, C], [B, grid], i => i / grid * T + 1 + i % grid);
            Scratch = new BlockScratch(arena, "vis.", B, T, C);
            Gradient = arena.Take("grad.vis.x", new(B, T, C));
            arena.Seal();
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>View and prompt tokens.</summary>
    public int ExtraTokens { get; }

    /// <summary>Input: normalised images, (B, 3, S, S).</summary>
    public Tensor Images { get; }

    /// <summary>The sequence before ln_pre, (B, T, C).</summary>
    public Tensor Embedded { get; }

    /// <summary>ln_pre's mean of each row.</summary>
    public Tensor PreMean { get; }

    /// <summary>ln_pre's reciprocal deviation of each row.</summary>
    public Tensor PreRstd { get; }

    /// <summary>One tape per block.</summary>
    public IReadOnlyList<BlockTape> Blocks { get; }

    /// <summary>Output of the last block, (B, T, C).</summary>
    public Tensor Out { get; }

    /// <summary>The class rows around ln_post.</summary>
    public NormedRows Class { get; }

    /// <summary>The patch rows around ln_post.</summary>
    public NormedRows Patches { get; }

    /// <summary>Memory of all blocks.</summary>
    public BlockScratch Scratch { get; }

    /// <summary>Gradient of the residual stream, (B, T, C).</summary>
    public Tensor Gradient { get; }

    private NormedRows Last(string name, ReadOnlySpan<int> shape, ReadOnlySpan<int> indices, Func<int, int> row)
    {
        var rows = arena.Take($"vis.{name}_rows", new(indices), ElementType.I32);
        var values = new int[rows.Count];
        for (int i = 0; i < values.Length; i++)
            values[i] = row(i);
        arena.Backend.Write(rows, values);
        var raw = arena.Take($"vis.{name}_raw", new(shape));
        return new(rows, raw, arena.Take($"vis.{name}_mean", new(raw.Rows)), arena.Take($"vis.{name}_rstd", new(raw.Rows)), arena.Take($"grad.vis.{name}_raw", new(shape)));
    }

    /// <inheritdoc/>
    public void Dispose() => arena.Dispose();
}

/// <summary>Rows of a tower's last block that a final norm reads.</summary>
/// <param name="Rows">Their places in the sequence.</param>
/// <param name="Raw">The rows before the norm.</param>
/// <param name="Mean">The norm's means.</param>
/// <param name="Rstd">The norm's reciprocal deviations.</param>
/// <param name="RawGradient">Gradient of <paramref name="Raw"/>.</param>
internal sealed record NormedRows(Tensor Rows, Tensor Raw, Tensor Mean, Tensor Rstd, Tensor RawGradient);
