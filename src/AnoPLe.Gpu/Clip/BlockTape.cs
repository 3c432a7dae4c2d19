using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Clip;

/// <summary>What a block's forward pass keeps for its backward pass: about ten widths per token, and nothing of size T x T.</summary>
internal sealed class BlockTape
{
    /// <summary>Takes memory from an arena. The names begin with <paramref name="name"/>, "vis.L3.".</summary>
    public BlockTape(Arena arena, string name, int B, int T, int C, int heads)
    {
        In = arena.Take(name + "in", new(B, T, C));
        Mean1 = arena.Take(name + "mean1", new(B * T));
        Rstd1 = arena.Take(name + "rstd1", new(B * T));
        Qkv = arena.Take(name + "qkv", new(B, T, 3 * C));
        LogSumExp = arena.Take(name + "lse", new(B, heads, T));
        Heads = arena.Take(name + "heads", new(B, T, C));
        Mid = arena.Take(name + "mid", new(B, T, C));
        Mean2 = arena.Take(name + "mean2", new(B * T));
        Rstd2 = arena.Take(name + "rstd2", new(B * T));
        Fc = arena.Take(name + "fc", new(B, T, 4 * C));
    }

    /// <summary>Input with the layer's prompts, (B, T, C).</summary>
    public Tensor In { get; }

    /// <summary>ln_1's mean of each row.</summary>
    public Tensor Mean1 { get; }

    /// <summary>ln_1's reciprocal deviation of each row.</summary>
    public Tensor Rstd1 { get; }

    /// <summary>Queries, keys and values, (B, T, 3C).</summary>
    public Tensor Qkv { get; }

    /// <summary>Attention's normalisation, (B, H, T).</summary>
    public Tensor LogSumExp { get; }

    /// <summary>Concatenated heads, (B, T, C).</summary>
    public Tensor Heads { get; }

    /// <summary>After the attention's residual, (B, T, C).</summary>
    public Tensor Mid { get; }

    /// <summary>ln_2's mean of each row.</summary>
    public Tensor Mean2 { get; }

    /// <summary>ln_2's reciprocal deviation of each row.</summary>
    public Tensor Rstd2 { get; }

    /// <summary>First layer of the MLP before its activation, (B, T, 4C).</summary>
    public Tensor Fc { get; }
}

/// <summary>Memory that all blocks of a tower share in training: normed rows and hidden layers forwards, gradients backwards.</summary>
internal sealed class BlockScratch(Arena arena, string name, int B, int T, int C)
{
    /// <summary>(B, T, C): output of a norm, then its gradient.</summary>
    public Tensor Norm { get; } = arena.Take(name + "norm", new(B, T, C));

    /// <summary>(B, T, 4C): hidden layer after the activation, then its gradient.</summary>
    public Tensor Hidden { get; } = arena.Take(name + "hidden", new(B, T, 4 * C));

    /// <summary>(B, T, 3C): gradient of queries, keys and values.</summary>
    public Tensor Qkv { get; } = arena.Take(name + "dqkv", new(B, T, 3 * C));

    /// <summary>(B, T, C): gradient of the concatenated heads.</summary>
    public Tensor Heads { get; } = arena.Take(name + "dheads", new(B, T, C));
}
