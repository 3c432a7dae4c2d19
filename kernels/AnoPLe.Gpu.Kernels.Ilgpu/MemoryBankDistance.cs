using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of a look-up.</summary>
internal struct BankShape
{
    /// <summary>Rows of features, memories, padded memories / 4.</summary>
    public int Rows, Memories, Columns4;

    /// <summary>Tiles of memories, and over how many groups they are spread.</summary>
    public int Tiles, Splits;

    /// <summary>distance (+)= Scale * min.</summary>
    public float Scale;

    /// <summary>1 for +=, 0 for =.</summary>
    public int Accumulate;
}

/// <summary>
/// The tiled product reduced as it is made: a group walks over tiles of memories and keeps the largest cosine of each row; a second
/// kernel takes the best of the groups that shared a row. Only rows x groups values are stored, and a maximum has no order.
/// </summary>
internal sealed class MemoryBankDistance(IlgpuBackend backend) : Ops.MemoryBankDistance(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View x, ArrayView<F4> x4, RowLayout layout, ArrayView<F4> w, View best,
        BankShape shape);

    private delegate void LaunchFinish(AcceleratorStream stream, KernelConfig config, View distance, View best, BankShape shape);

    private const int Threads = 64;

    private Launch? tile128, tile64, tile32;
    private LaunchFinish? finish;
    private MemoryBuffer1D<float, Stride1D.Dense>? best;

    protected override void ForwardCore(Tensor distance, Tensor features, Ops.PackedLinear bank, float scale, bool accumulate)
    {
        var w = Views.Of(bank, backend);
        int rows = features.Rows, side = TileChoice.Side(backend.Accelerator, rows, w.OutFeatures);
        int rowTiles = TileChoice.Tiles(side, rows), tiles = TileChoice.Tiles(side, w.OutFeatures);
        // Two groups per multiprocessor keep the device busy; more would only store more partial results.
        int splits = Math.Min(tiles, TileChoice.Tiles(rowTiles, 2 * backend.Accelerator.NumMultiprocessors));
        BankShape shape = new()
        {
            Rows = rows, Memories = w.OutFeatures, Columns4 = w.PaddedColumns / 4, Tiles = tiles, Splits = splits, Scale = scale,
            Accumulate = accumulate ? 1 : 0,
        };
        var features4 = features.Quads(backend, w.InFeatures, out bool vector);
        var config = TileChoice.Config(side, rows, w.OutFeatures);
        var partial = backend.Scratch(ref best, "memory bank partial results", rows * splits);
        Launcher(side)(backend.Stream, new KernelConfig(new Index2D(rowTiles, splits), new Index2D(config.GroupDim.X, config.GroupDim.Y)),
            features.View(backend), features4, new() { M = rows, K = w.InFeatures, Vector = vector ? 1 : 0 }, w.Matrix, partial, shape);
        finish ??= backend.Load<LaunchFinish>(nameof(MemoryBankDistance), FinishKernel);
        finish(backend.Stream, (TileChoice.Tiles(Threads, rows), Threads), distance.View(backend), partial, shape);
    }

    private Launch Launcher(int side) => side switch
    {
        128 => tile128 ??= backend.Load<Launch>(nameof(MemoryBankDistance), NearestKernel<Tile128>),
        64 => tile64 ??= backend.Load<Launch>(nameof(MemoryBankDistance), NearestKernel<Tile64>),
        _ => tile32 ??= backend.Load<Launch>(nameof(MemoryBankDistance), NearestKernel<Tile32>),
    };

    // Group (x, y) owns a tile of rows and every Splits-th tile of memories from y on; best: (Splits, Rows).
    [Kernel(typeof(Tile128), Hot = true)]
    [Kernel(typeof(Tile64), Hot = true)]
    [Kernel(typeof(Tile32), Hot = true)]
    private static void NearestKernel<TTile>(View x, ArrayView<F4> x4, RowLayout layout, ArrayView<F4> w, View best, BankShape shape)
        where TTile : struct, ITile
    {
        var shared = Gemm.Allocate<TTile>();
        var rowBest = SharedMemory.Allocate<float>(4 * TTile.Threads * TTile.Blocks * TTile.Threads);
        int side = Gemm.Side<TTile>(), row0 = Grid.IdxX * side, tx = Group.IdxX, ty = Group.IdxY;
        F4 top = F4.Of(float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity), bottom = top;
        for (int tile = Grid.IdxY; tile < shape.Tiles; tile += shape.Splits)
        {
            int column0 = tile * side / 4;
            var c = Gemm.Multiply<TTile, MatrixRows>(shared, x, x4, layout, w, shape.Columns4, row0, column0);
            int n = 4 * (column0 + tx);
            top = MaxRows(top, c.TL, n, shape.Memories);
            if (TTile.Blocks == 2)
            {
                top = MaxRows(top, c.TR, n + side / 2, shape.Memories);
                bottom = MaxRows(bottom, c.BL, n, shape.Memories);
                bottom = MaxRows(bottom, c.BR, n + side / 2, shape.Memories);
            }
        }
        Store(rowBest, (4 * ty) * TTile.Threads + tx, TTile.Threads, top);
        if (TTile.Blocks == 2)
            Store(rowBest, (4 * ty + side / 2) * TTile.Threads + tx, TTile.Threads, bottom);
        Local.Barrier();
        int row = ty * TTile.Threads + tx;
        if (row < side && row0 + row < shape.Rows)
        {
            float m = rowBest[row * TTile.Threads];
            for (int i = 1; i < TTile.Threads; i++)
                m = XMath.Max(m, rowBest[row * TTile.Threads + i]);
            best[Grid.IdxY * shape.Rows + row0 + row] = m;
        }
    }

    // One thread per row.
    [Kernel]
    private static void FinishKernel(View distance, View best, BankShape shape)
    {
        int row = Grid.IdxX * Group.DimX + Group.IdxX;
        if (row >= shape.Rows)
            return;
        float cosine = best[row];
        for (int i = 1; i < shape.Splits; i++)
            cosine = XMath.Max(cosine, best[i * shape.Rows + row]);
        float d = shape.Scale * (0.5f * (1f - cosine));
        distance[row] = shape.Accumulate != 0 ? distance[row] + d : d;
    }

    // The padding of the bank has cosine 0 and must not count.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 MaxRows(F4 m, Block4 c, int n, int memories)
        => F4.Of(MaxRow(m.X, c.R0, n, memories), MaxRow(m.Y, c.R1, n, memories), MaxRow(m.Z, c.R2, n, memories), MaxRow(m.W, c.R3, n, memories));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float MaxRow(float m, F4 c, int n, int memories)
    {
        if (n < memories)
            m = XMath.Max(m, c.X);
        if (n + 1 < memories)
            m = XMath.Max(m, c.Y);
        if (n + 2 < memories)
            m = XMath.Max(m, c.Z);
        if (n + 3 < memories)
            m = XMath.Max(m, c.W);
        return m;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(View rows, int at, int stride, F4 v)
    {
        rows[at] = v.X;
        rows[at + stride] = v.Y;
        rows[at + 2 * stride] = v.Z;
        rows[at + 3 * stride] = v.W;
    }
}
