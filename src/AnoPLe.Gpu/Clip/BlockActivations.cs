using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Clip;

/// <summary>Scratch that all blocks of a tower share in inference.</summary>
public sealed class BlockActivations
{
    /// <summary>Takes the scratch from an arena. The names begin with <paramref name="name"/>.</summary>
    /// <param name="arena">Owner of the memory.</param>
    /// <param name="name">"vis." or "txt.".</param>
    /// <param name="rows">Leading axes: (B, T), or (R) for chosen rows, where q, k and v are not needed.</param>
    /// <param name="C">Width of the tower.</param>
    /// <param name="heads">Its attention heads.</param>
    internal BlockActivations(Arena arena, string name, ReadOnlySpan<int> rows, int C, int heads)
    {
        // Products of a block read 16 bits where the device rounds to them anyway and its kernels can take such rows.
        ElementType type = C % Linear.HalfWidth == 0 && C / heads % Compute.Ops.Attention.HalfHeadWidth == 0 ? arena.Backend.ActivationType : ElementType.F32;
        Norm = arena.Take(name + "norm", new([.. rows, C]), type);
        Attention = arena.Take(name + "heads", new([.. rows, C]), type);
        Hidden = arena.Take(name + "gelu", new([.. rows, 4 * C]), type);
        qkv = rows.Length == 2 ? arena.Take(name + "qkv", new([.. rows, 3 * C]), type) : null;
    }

    private readonly Tensor? qkv;

    /// <summary>Output of ln_1, then of ln_2: (B, T, C).</summary>
    public Tensor Norm { get; }

    /// <summary>Queries, keys and values: (B, T, 3C).</summary>
    public Tensor Qkv => qkv ?? throw new InvalidOperationException("Scratch for chosen rows has no queries, keys and values.");

    /// <summary>Concatenated heads before the output projection: (B, T, C).</summary>
    public Tensor Attention { get; }

    /// <summary>Hidden layer after the activation: (B, T, 4C).</summary>
    public Tensor Hidden { get; }
}
