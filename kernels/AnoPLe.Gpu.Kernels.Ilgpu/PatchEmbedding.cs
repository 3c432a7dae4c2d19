using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Where patch tokens go.</summary>
internal struct TokenShape
{
    /// <summary>Tokens of a sequence; width of a token; padded columns of the weights / 4.</summary>
    public int T, C, Columns4;

    /// <summary>Sequences.</summary>
    public int B;
}

/// <summary>
/// The tiled product with its left factor read straight from the images (no im2col copy) and the positions added in its epilogue.
/// </summary>
internal sealed class PatchEmbedding(IlgpuBackend backend) : Ops.PatchEmbedding(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View images, ArrayView<F4> images4, RowLayout layout, ArrayView<F4> w,
        View positions, View x, TokenShape shape);

    private delegate void LaunchClass(AcceleratorStream stream, KernelConfig config, View classEmbedding, View positions, View x, TokenShape shape);

    private const int Threads = 64;

    private readonly TensorLinear? tensorCores = backend.MatrixPrecision != MatrixPrecision.Fp32 ? new(backend) : null;
    private Launch? tile128, tile64, tile32;
    private LaunchClass? classRow;

    protected override void ForwardCore(Tensor x, Tensor images, Ops.PackedLinear weight, Tensor classEmbedding, Tensor positions, int patch)
    {
        var w = Views.Of(weight, backend);
        int B = images.Shape[0], S = images.Shape[2], C = w.OutFeatures, side = S / patch, M = B * side * side;
        var images4 = images.Quads(backend, S, out bool aligned);
        RowLayout rows = new() { M = M, K = w.InFeatures, Vector = aligned && patch % 4 == 0 ? 1 : 0, Size = S, Patch = patch, Side = side };
        TokenShape tokens = new() { T = x.Shape[1], C = C, Columns4 = w.PaddedColumns / 4, B = B };
        if (w.Precision != MatrixPrecision.Fp32)
        {
            tensorCores!.Patches(x, images, rows, w, positions);
        }
        else
        {
            int tile = TileChoice.Side(backend.Accelerator, M, C);
            Launcher(tile)(backend.Stream, TileChoice.Config(tile, M, C), images.View(backend), images4, rows, w.Matrix, positions.View(backend), x.View(backend), tokens);
        }
        classRow ??= backend.Load<LaunchClass>(nameof(PatchEmbedding), ClassRowKernel);
        classRow(backend.Stream, ((B * C + Threads - 1) / Threads, Threads), classEmbedding.View(backend), positions.View(backend),
            x.View(backend), tokens);
    }

    private Launch Launcher(int tile) => tile switch
    {
        128 => tile128 ??= backend.Load<Launch>(nameof(PatchEmbedding), ForwardKernel<Tile128>),
        64 => tile64 ??= backend.Load<Launch>(nameof(PatchEmbedding), ForwardKernel<Tile64>),
        _ => tile32 ??= backend.Load<Launch>(nameof(PatchEmbedding), ForwardKernel<Tile32>),
    };

    // One group per tile of (patches of all images) x C.
    [Kernel(typeof(Tile128), Hot = true)]
    [Kernel(typeof(Tile64), Hot = true)]
    [Kernel(typeof(Tile32), Hot = true)]
    private static void ForwardKernel<TTile>(View images, ArrayView<F4> images4, RowLayout layout, ArrayView<F4> w, View positions, View x,
        TokenShape shape)
        where TTile : struct, ITile
    {
        int side = Gemm.Side<TTile>(), row0 = Grid.IdxX * side, column0 = Grid.IdxY * side / 4;
        var c = Gemm.Multiply<TTile, PatchRows>(Gemm.Allocate<TTile>(), images, images4, layout, w,
            shape.Columns4, row0, column0);
        int row = row0 + 4 * Group.IdxY, n = 4 * (column0 + Group.IdxX);
        StoreBlock(x, positions, layout, shape, row, n, c.TL);
        if (TTile.Blocks == 2)
        {
            StoreBlock(x, positions, layout, shape, row, n + side / 2, c.TR);
            StoreBlock(x, positions, layout, shape, row + side / 2, n, c.BL);
            StoreBlock(x, positions, layout, shape, row + side / 2, n + side / 2, c.BR);
        }
    }

    // One thread per element of the class rows: x[b, 0] = classEmbedding + positions[0].
    [Kernel]
    private static void ClassRowKernel(View classEmbedding, View positions, View x, TokenShape shape)
    {
        int i = Grid.IdxX * Group.DimX + Group.IdxX;
        if (i >= shape.B * shape.C)
            return;
        int b = i / shape.C, n = i - b * shape.C;
        x[b * shape.T * shape.C + n] = classEmbedding[n] + positions[n];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(View x, View positions, RowLayout layout, TokenShape shape, int row, int n, Block4 c)
    {
        StoreRow(x, positions, layout, shape, row, n, c.R0);
        StoreRow(x, positions, layout, shape, row + 1, n, c.R1);
        StoreRow(x, positions, layout, shape, row + 2, n, c.R2);
        StoreRow(x, positions, layout, shape, row + 3, n, c.R3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(View x, View positions, RowLayout layout, TokenShape shape, int row, int n, F4 c)
    {
        if (row >= layout.M)
            return;
        int patches = layout.Side * layout.Side, b = row / patches, token = 1 + row - b * patches;
        int at = (b * shape.T + token) * shape.C + n, position = token * shape.C + n;
        if (n < shape.C)
            x[at] = c.X + positions[position];
        if (n + 1 < shape.C)
            x[at + 1] = c.Y + positions[position + 1];
        if (n + 2 < shape.C)
            x[at + 2] = c.Z + positions[position + 2];
        if (n + 3 < shape.C)
            x[at + 3] = c.W + positions[position + 3];
    }
}

/// <summary>Patches of images as rows in channel, row, column order.</summary>
internal struct PatchRows : IRowSource
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Load(View x, ArrayView<F4> x4, RowLayout layout, int row, int k)
    {
        F4 v = default;
        if (row >= layout.M || k >= layout.K)
            return v;
        int patches = layout.Side * layout.Side, b = row / patches, i = row - b * patches;
        int py = i / layout.Side, px = i - py * layout.Side;
        int corner = (b * 3 * layout.Size + py * layout.Patch) * layout.Size + px * layout.Patch;
        if (layout.Vector != 0)
        {
            v = x4[(corner + Inside(layout, k)) >> 2];
            return v;
        }
        v.X = x[corner + Inside(layout, k)];
        if (k + 1 < layout.K)
            v.Y = x[corner + Inside(layout, k + 1)];
        if (k + 2 < layout.K)
            v.Z = x[corner + Inside(layout, k + 2)];
        if (k + 3 < layout.K)
            v.W = x[corner + Inside(layout, k + 3)];
        return v;
    }

    // Offset of element k = (channel*p + row)*p + column of a patch from its corner in channel 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Inside(RowLayout layout, int k)
    {
        int p = layout.Patch, line = k / p, channel = line / p;
        return (channel * layout.Size + line - channel * p) * layout.Size + k - line * p;
    }
}
