using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>How a group of threads shares one tile of a matrix product. All values are constants to the kernel compiler.</summary>
internal interface ITile
{
    /// <summary>Threads along the columns and along the rows of the tile.</summary>
    static abstract int Threads { get; }

    /// <summary>1: a thread owns one 4 x 4 block. 2: it owns 2 x 2 of them, half a tile apart, so that 16-byte loads never collide.</summary>
    static abstract int Blocks { get; }
}

/// <summary>128 x 128 by 256 threads: for products that fill the device anyway.</summary>
internal struct Tile128 : ITile
{
    public static int Threads => 16;

    public static int Blocks => 2;
}

/// <summary>64 x 64 by 64 threads.</summary>
internal struct Tile64 : ITile
{
    public static int Threads => 8;

    public static int Blocks => 2;
}

/// <summary>32 x 32 by 64 threads: for few rows or columns.</summary>
internal struct Tile32 : ITile
{
    public static int Threads => 8;

    public static int Blocks => 1;
}

/// <summary>Where the rows of the left factor come from.</summary>
internal interface IRowSource
{
    /// <summary>Elements k .. k + 3 of a row, zero outside the matrix; k is a multiple of 4.</summary>
    static abstract F4 Load(View x, ArrayView<F4> x4, RowLayout layout, int row, int k);
}

/// <summary>Sizes of the left factor.</summary>
internal struct RowLayout
{
    /// <summary>Rows and their length.</summary>
    public int M, K;

    /// <summary>1 when rows may be read in units of four floats, else 0.</summary>
    public int Vector;

    /// <summary>For <see cref="PatchRows"/>: image side, patch side, patches per side.</summary>
    public int Size, Patch, Side;
}

/// <summary>Rows of a dense matrix.</summary>
internal struct MatrixRows : IRowSource
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Load(View x, ArrayView<F4> x4, RowLayout layout, int row, int k)
    {
        F4 v = default;
        if (row >= layout.M)
            return v;
        int at = row * layout.K + k;
        if (layout.Vector != 0)
        {
            if (k < layout.K)
                v = x4[at >> 2];
            return v;
        }
        if (k < layout.K)
            v.X = x[at];
        if (k + 1 < layout.K)
            v.Y = x[at + 1];
        if (k + 2 < layout.K)
            v.Z = x[at + 2];
        if (k + 3 < layout.K)
            v.W = x[at + 3];
        return v;
    }
}

/// <summary>Accumulators of one thread: top left, top right, bottom left, bottom right. Only the first is used with one block.</summary>
internal struct Accumulators
{
    public Block4 TL, TR, BL, BR;
}

/// <summary>
/// The tiled product that Linear, PatchEmbedding and MemoryBankDistance share: a slice of 8 of the inner dimension at a time goes
/// through shared memory, twice buffered, while every thread keeps its block of the result in registers. The order of the sum is
/// the order of k, so the result does not depend on the tile.
/// </summary>
internal static class Gemm
{
    /// <summary>Inner dimension of one slice. Weights are padded to a multiple of it.</summary>
    public const int Slice = 8;

    /// <summary>Weights are padded to a multiple of so many columns, the widest tile.</summary>
    public const int ColumnPadding = 128;

    /// <summary>Rows and columns of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Side<TTile>()
        where TTile : struct, ITile
        => 4 * TTile.Threads * TTile.Blocks;

    /// <summary>
    /// Shared memory for two slices of each factor: the left one transposed to [k][row], its rows padded against bank conflicts, then the
    /// right one as [k][column]. One allocation, because the simulator makes the whole group wait for each.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ArrayView<F4> Allocate<TTile>()
        where TTile : struct, ITile
        => SharedMemory.Allocate<F4>(2 * Slice * (2 * TTile.Threads * TTile.Blocks + 1));

    /// <summary>
    /// The block x[rows of this tile] * w[:, columns of this tile]. Ends with a barrier, so shared memory may be reused at once.
    /// </summary>
    /// <param name="shared">From <see cref="Allocate"/>.</param>
    /// <param name="x">Left factor.</param>
    /// <param name="x4">Left factor in units of four floats; read when layout.Vector is set.</param>
    /// <param name="layout">Sizes of the left factor.</param>
    /// <param name="w">Right factor, [inner, columns] padded, in units of four columns.</param>
    /// <param name="columns4">Padded columns / 4.</param>
    /// <param name="row0">First row of the tile.</param>
    /// <param name="column0">First column of the tile / 4.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Accumulators Multiply<TTile, TRows>(ArrayView<F4> shared, View x, ArrayView<F4> x4, RowLayout layout,
        ArrayView<F4> w, int columns4, int row0, int column0)
        where TTile : struct, ITile
        where TRows : struct, IRowSource
    {
        int side = Side<TTile>(), quads = side / 4, leftStride = quads + 1;
        ArrayView<F4> left4 = shared, right4 = shared.SubView(2 * Slice * leftStride);
        var left = left4.Cast<float>();

        int tx = Group.IdxX, ty = Group.IdxY, thread = ty * TTile.Threads + tx;
        int loadRow = thread >> 1, loadK = (thread & 1) * 4;
        int loadSlice = thread / quads, loadColumn = thread % quads;
        int leftAt = loadK * leftStride * 4 + loadRow, rightAt = loadSlice * quads + loadColumn;
        int wAt = loadSlice * columns4 + column0 + loadColumn;
        // With 64 threads for a 64 x 64 tile everyone loads two quads of each factor.
        bool twice = 2 * side > TTile.Threads * TTile.Threads;
        int steps = (layout.K + Slice - 1) / Slice;

        Accumulators c = default;
        F4 a0 = TRows.Load(x, x4, layout, row0 + loadRow, loadK), b0 = w[wAt], a1 = default, b1 = default;
        if (twice)
        {
            a1 = TRows.Load(x, x4, layout, row0 + loadRow + side / 2, loadK);
            b1 = w[wAt + Slice / 2 * columns4];
        }
        for (int step = 0; step < steps; step++)
        {
            int leftBuffer = (step & 1) * Slice * leftStride, rightBuffer = (step & 1) * Slice * quads;
            StoreTransposed(left, leftBuffer * 4 + leftAt, leftStride * 4, a0);
            right4[rightBuffer + rightAt] = b0;
            if (twice)
            {
                StoreTransposed(left, leftBuffer * 4 + leftAt + side / 2, leftStride * 4, a1);
                right4[rightBuffer + rightAt + Slice / 2 * quads] = b1;
            }
            // One barrier a step is enough: this buffer was last read two steps ago, before the previous barrier.
            Local.Barrier();
            if (step + 1 < steps)
            {
                int k = (step + 1) * Slice;
                wAt += Slice * columns4;
                a0 = TRows.Load(x, x4, layout, row0 + loadRow, k + loadK);
                b0 = w[wAt];
                if (twice)
                {
                    a1 = TRows.Load(x, x4, layout, row0 + loadRow + side / 2, k + loadK);
                    b1 = w[wAt + Slice / 2 * columns4];
                }
            }
            // Views that start at this thread's elements: what remains are constant offsets, free in an address.
            var l = left4.SubView(leftBuffer + ty);
            var r = right4.SubView(rightBuffer + tx);
            c = Step<TTile>(c, l, r, 0, 0);
            c = Step<TTile>(c, l, r, leftStride, quads);
            c = Step<TTile>(c, l, r, 2 * leftStride, 2 * quads);
            c = Step<TTile>(c, l, r, 3 * leftStride, 3 * quads);
            c = Step<TTile>(c, l, r, 4 * leftStride, 4 * quads);
            c = Step<TTile>(c, l, r, 5 * leftStride, 5 * quads);
            c = Step<TTile>(c, l, r, 6 * leftStride, 6 * quads);
            c = Step<TTile>(c, l, r, 7 * leftStride, 7 * quads);
        }
        Local.Barrier();
        return c;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTransposed(View left, int at, int stride, F4 v)
    {
        left[at] = v.X;
        left[at + stride] = v.Y;
        left[at + 2 * stride] = v.Z;
        left[at + 3 * stride] = v.W;
    }

    /// <summary>One k: an outer product from two or four 16-byte loads.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Accumulators Step<TTile>(Accumulators c, ArrayView<F4> left, ArrayView<F4> right, int l, int r)
        where TTile : struct, ITile
    {
        F4 a = left[l], b = right[r];
        c.TL = Block4.Outer(c.TL, a, b);
        if (TTile.Blocks == 2)
        {
            F4 a2 = left[l + TTile.Threads], b2 = right[r + TTile.Threads];
            c.TR = Block4.Outer(c.TR, a, b2);
            c.BL = Block4.Outer(c.BL, a2, b);
            c.BR = Block4.Outer(c.BR, a2, b2);
        }
        return c;
    }
}
