using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Clip;

/// <summary>What is wanted of the vision tower.</summary>
/// <param name="Batch">Images per call.</param>
public sealed record VisionRequest(int Batch)
{
    /// <summary>The image feature z_0 (B, d) in CLIP's joint space.</summary>
    public bool ClassFeature { get; init; } = true;

    /// <summary>The patch tokens of the last block after ln_post: (B, g*g, C).</summary>
    public bool PatchTokens { get; init; }

    /// <summary>1-based blocks whose patch tokens are kept, not layer-normalised: (B, g*g, C) each.</summary>
    public IReadOnlyList<int> Taps { get; init; } = [];

    /// <summary>Prompt and view tokens appended to the sequence.</summary>
    public int ExtraTokens { get; init; }
}

/// <summary>All memory of a vision forward pass: taken once, used for every batch of the same size.</summary>
public sealed class VisionActivations : IDisposable
{
    private readonly Arena arena;
    private readonly Tensor?[] taps;

    internal VisionActivations(Backend backend, ClipConfig config, VisionRequest request)
    {
        Require.That(request.Batch >= 1, $"A batch holds at least one image, got {request.Batch}.");
        foreach (int tap in request.Taps)
            Require.That(tap >= 1 && tap <= config.VisionLayers, $"Memory layer {tap} is not a block of this model: 1 to {config.VisionLayers}.");
        Request = request;
        int B = request.Batch, C = config.VisionWidth, S = config.ImageSize, grid = config.Grid * config.Grid;
        int T = config.VisionTokens + request.ExtraTokens;
        arena = new Arena(backend);
        try
        {
            Images = arena.Take("vis.images", new(B, 3, S, S));
            X = arena.Take("vis.x", new(B, T, C));
            Block = new BlockActivations(arena, "vis.", [B, T], C, config.VisionHeads);
            taps = new Tensor?[config.VisionLayers + 1];
            foreach (int tap in request.Taps.Distinct())
                taps[tap] = arena.Take($"vis.tap.{tap}", new(B, grid, C));
            if (request.PatchTokens)
                PatchTokens = arena.Take("vis.patches", new(B, grid, C));
            if (request.PatchTokens || request.Taps.Count > 0)
                PatchRows = Indices("vis.patch_rows", B, i => i / grid * T + 1 + i % grid, B * grid);
            if (request.ClassFeature)
            {
                ClassToken = arena.Take("vis.cls", new(B, C));
                ClassFeature = arena.Take("vis.z0", new(B, config.EmbedDim));
                ClassRows = Indices("vis.class_rows", B, b => b * T, B);
                // The last block is needed at the class rows alone unless its patch tokens are read.
                if (!request.PatchTokens && taps[config.VisionLayers] is null)
                    ClassBlock = new BlockActivations(arena, "vis.class.", [B], C, config.VisionHeads);
            }
            arena.Seal();
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>What these were made for.</summary>
    public VisionRequest Request { get; }

    /// <summary>Input: normalised images, (B, 3, S, S).</summary>
    public Tensor Images { get; }

    /// <summary>Residual stream, (B, T, C).</summary>
    public Tensor X { get; }

    /// <summary>CLS after ln_post, (B, C); null unless the class feature was asked for.</summary>
    public Tensor? ClassToken { get; }

    /// <summary>z_0 = h_CLS proj, (B, d); null unless asked for.</summary>
    public Tensor? ClassFeature { get; }

    /// <summary>Patch tokens after ln_post, (B, g*g, C); null unless asked for.</summary>
    public Tensor? PatchTokens { get; }

    /// <summary>Device memory held, in bytes.</summary>
    public long Bytes => arena.Bytes;

    internal BlockActivations Block { get; }

    internal BlockActivations? ClassBlock { get; }

    internal Tensor? ClassRows { get; }

    internal Tensor? PatchRows { get; }

    /// <summary>The kept patch tokens of a 1-based block, (B, g*g, C).</summary>
    /// <exception cref="ArgumentException">That block was not asked for.</exception>
    public Tensor Tap(int block) =>
        TapAfter(block) ?? throw new ArgumentException($"Block {block} is not among the kept ones: {string.Join(", ", Request.Taps)}.", nameof(block));

    internal Tensor? TapAfter(int block) => block > 0 && block < taps.Length ? taps[block] : null;

    private Tensor Indices(string name, int batch, Func<int, int> row, int count)
    {
        var tensor = arena.Take(name, new(batch, count / batch), ElementType.I32);
        var values = new int[count];
        for (int i = 0; i < count; i++)
            values[i] = row(i);
        arena.Backend.Write(tensor, values);
        return tensor;
    }

    /// <inheritdoc/>
    public void Dispose() => arena.Dispose();
}
