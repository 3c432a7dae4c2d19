using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>A warp's sums of 16 rows of a head, 32 channels a strip.</summary>
internal struct HeadStrips
{
    public Strip S0, S1, S2, S3;
}

/// <summary>
/// What attention's kernels on tensor cores share: a group of four warps owns 64 rows of a head, a warp 16 of them, and walks over tiles of 32 others. Rows lie in shared memory
/// in 16 bits, swizzled against bank conflicts. The sums of a first product have the layout that a left factor of the second must have, so they stay in registers.
/// </summary>
internal static class TensorAttentionTile
{
    /// <summary>Rows of a group; rows of a tile that passes by; threads.</summary>
    public const int Own = 64, Other = 32, Threads = 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Word<THead>(int row, int chunk)
        where THead : struct, IHeadWidth => Strip.Word(4 * THead.Chunks, row, chunk);

    /// <summary>Rows of a head to shared memory in 16 bits, zeros beyond the sequence and beyond the head. The head of token 0 begins at start, the next token's rowLength further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<THead, THalf>(ArrayView<uint> shared, int first, int rows, View x, ArrayView<F4> x4, AttentionShape shape, int start, int rowLength, int token0)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        var chunks = shared.Cast<U4>();
        for (int i = Group.IdxX; i < rows * 4 * THead.Chunks; i += Threads)
        {
            int row = i / (4 * THead.Chunks), chunk = i - row * 4 * THead.Chunks, d = 8 * chunk, at = start + (token0 + row) * rowLength;
            F4 a = default, b = default;
            if (token0 + row < shape.T && d < shape.D)
            {
                a = shape.Vector != 0 ? x4[(at >> 2) + 2 * chunk] : AttentionTile.LoadQuad(x, at, d, shape.D);
                if (d + 4 < shape.D)
                    b = shape.Vector != 0 ? x4[(at >> 2) + 2 * chunk + 1] : AttentionTile.LoadQuad(x, at, d + 4, shape.D);
            }
            chunks[(first + Word<THead>(row, chunk)) >> 2] = Strip.Round<THalf>(a, b);
        }
    }

    /// <summary>The same of rows that are rounded already; heads begin at multiples of 8 elements and are as wide.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadHalves<THead>(ArrayView<uint> shared, int first, int rows, ArrayView<uint> x16, AttentionShape shape, int start, int rowLength, int token0)
        where THead : struct, IHeadWidth
    {
        ArrayView<U4> chunks = shared.Cast<U4>(), source = x16.Cast<U4>();
        for (int i = Group.IdxX; i < rows * 4 * THead.Chunks; i += Threads)
        {
            int row = i / (4 * THead.Chunks), chunk = i - row * 4 * THead.Chunks;
            U4 values = default;
            if (token0 + row < shape.T && 8 * chunk < shape.D)
                values = source[((start + (token0 + row) * rowLength) >> 3) + chunk];
            chunks[(first + Word<THead>(row, chunk)) >> 2] = values;
        }
    }

    /// <summary>The products of a warp's 16 rows with 32 others: [16, 32].</summary>
    /// <param name="shared">Where both lie.</param>
    /// <param name="own">First word of the group's rows.</param>
    /// <param name="row">The warp's first row.</param>
    /// <param name="other">First word of the others.</param>
    /// <param name="lane">Thread of the warp.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip Product<THead, THalf>(ArrayView<uint> shared, int own, int row, int other, int lane)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        // The rows and chunks that this thread names when its warp loads matrices.
        int ownRow = row + (lane & 15), ownChunk = lane >> 4, otherRow = (lane & 7) + ((lane >> 4) << 3), otherChunk = (lane >> 3) & 1;
        Strip s = default;
        for (int chunk = 0; chunk < 4 * THead.Chunks; chunk += 2)
            s = Strip.Multiply<THalf>(s, TensorCores.LoadMatrices(ref shared[0], own + Word<THead>(ownRow, chunk + ownChunk)),
                TensorCores.LoadMatrices(ref shared[0], other + Word<THead>(otherRow, chunk + otherChunk)),
                TensorCores.LoadMatrices(ref shared[0], other + Word<THead>(otherRow + 16, chunk + otherChunk)));
        return s;
    }

    /// <summary>o + W X for weights W [16, 32] of a warp and the 32 rows X of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HeadStrips AddProduct<THead, THalf>(HeadStrips o, U4 left, U4 right, ArrayView<uint> shared, int tile, int lane)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        o.S0 = AddStrip<THead, THalf>(o.S0, left, right, shared, tile, lane & 15, lane >> 4);
        if (THead.Chunks > 1)
            o.S1 = AddStrip<THead, THalf>(o.S1, left, right, shared, tile, lane & 15, (lane >> 4) + 4);
        if (THead.Chunks > 2)
        {
            o.S2 = AddStrip<THead, THalf>(o.S2, left, right, shared, tile, lane & 15, (lane >> 4) + 8);
            o.S3 = AddStrip<THead, THalf>(o.S3, left, right, shared, tile, lane & 15, (lane >> 4) + 12);
        }
        return o;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Strip AddStrip<THead, THalf>(Strip o, U4 left, U4 right, ArrayView<uint> shared, int tile, int row, int chunk)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        o = Strip.Multiply<THalf>(o, left, TensorCores.LoadMatricesTransposed(ref shared[0], tile + Word<THead>(row, chunk)),
            TensorCores.LoadMatricesTransposed(ref shared[0], tile + Word<THead>(row, chunk + 2)));
        return Strip.Multiply<THalf>(o, right, TensorCores.LoadMatricesTransposed(ref shared[0], tile + Word<THead>(row + 16, chunk)),
            TensorCores.LoadMatricesTransposed(ref shared[0], tile + Word<THead>(row + 16, chunk + 2)));
    }

    /// <summary>A warp's rows; this thread's are row and row + 8. The head of token 0 begins at start, the next token's rowLength further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<THead>(View y, AttentionShape shape, HeadStrips o, int start, int rowLength, int row, int lane)
        where THead : struct, IHeadWidth
    {
        int channel = 2 * (lane & 3);
        StoreStrip(y, shape, start, rowLength, row, channel, o.S0);
        if (THead.Chunks > 1)
            StoreStrip(y, shape, start, rowLength, row, channel + 32, o.S1);
        if (THead.Chunks > 2)
        {
            StoreStrip(y, shape, start, rowLength, row, channel + 64, o.S2);
            StoreStrip(y, shape, start, rowLength, row, channel + 96, o.S3);
        }
    }

    /// <summary>The same of attention's output in 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalves<THead, THalf>(ArrayView<uint> y, AttentionShape shape, HeadStrips o, int start, int row, int lane)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        int channel = 2 * (lane & 3);
        StoreStripHalves<THalf>(y, shape, start, row, channel, o.S0);
        if (THead.Chunks > 1)
            StoreStripHalves<THalf>(y, shape, start, row, channel + 32, o.S1);
        if (THead.Chunks > 2)
        {
            StoreStripHalves<THalf>(y, shape, start, row, channel + 64, o.S2);
            StoreStripHalves<THalf>(y, shape, start, row, channel + 96, o.S3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreStripHalves<THalf>(ArrayView<uint> y, AttentionShape shape, int start, int row, int channel, Strip o)
        where THalf : struct, IHalf
    {
        StoreFragmentHalves<THalf>(y, shape, start, row, channel, o.C0);
        StoreFragmentHalves<THalf>(y, shape, start, row, channel + 8, o.C1);
        StoreFragmentHalves<THalf>(y, shape, start, row, channel + 16, o.C2);
        StoreFragmentHalves<THalf>(y, shape, start, row, channel + 24, o.C3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFragmentHalves<THalf>(ArrayView<uint> y, AttentionShape shape, int start, int row, int channel, F4 o)
        where THalf : struct, IHalf
    {
        if (channel >= shape.D)
            return;
        if (row < shape.T)
            y[(start + row * shape.C + channel) >> 1] = THalf.Pack(o.X, o.Y);
        if (row + 8 < shape.T)
            y[(start + (row + 8) * shape.C + channel) >> 1] = THalf.Pack(o.Z, o.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreStrip(View y, AttentionShape shape, int start, int rowLength, int row, int channel, Strip o)
    {
        StoreFragment(y, shape, start, rowLength, row, channel, o.C0);
        StoreFragment(y, shape, start, rowLength, row, channel + 8, o.C1);
        StoreFragment(y, shape, start, rowLength, row, channel + 16, o.C2);
        StoreFragment(y, shape, start, rowLength, row, channel + 24, o.C3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFragment(View y, AttentionShape shape, int start, int rowLength, int row, int channel, F4 o)
    {
        if (row < shape.T)
            StorePair(y, shape, start + row * rowLength, channel, o.X, o.Y);
        if (row + 8 < shape.T)
            StorePair(y, shape, start + (row + 8) * rowLength, channel, o.Z, o.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(View y, AttentionShape shape, int row, int channel, float left, float right)
    {
        if (channel < shape.D)
            y[row + channel] = left;
        if (channel + 1 < shape.D)
            y[row + channel + 1] = right;
    }
}
