using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// The gradient of a linear layer's weights on tensor cores: A^T B over the rows of both, rounded to 16 bits or tf32, sums in fp32. A group of four warps has a tile of 64 x 64,
/// a warp 32 x 32 of it. 32 rows at a time pass through shared memory as they lie; ldmatrix transposes them on the way to registers.
/// </summary>
internal static class TensorGradients
{
    /// <summary>Columns of A and of B of a tile.</summary>
    public const int Side = 64;

    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    private const int Slice = 32, RowWords = Side / 2, Chunks = Side / 8, PaddedSide = Side + 8;

    /// <summary>A warp's sums of 32 x 32.</summary>
    private struct WarpSums
    {
        public Strip S0, S1;
    }

    /// <summary>partial: [chunks of rows, M, N]; group (x, y, z) owns columns 64 x of A, 64 y of B and chunk z.</summary>
    [Kernel(typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Fp16), Hot = true, Tensor = true)]
    public static void ProductKernel<THalf>(View partial, View a, ArrayView<F4> a4, View b, ArrayView<F4> b4, GradientShape shape)
        where THalf : struct, IHalf
    {
        const int Right = Slice * RowWords;
        var shared = SharedMemory.Allocate<uint>(2 * Slice * RowWords);
        int m0 = Grid.IdxX * Side, n0 = Grid.IdxY * Side, first = Grid.IdxZ * shape.ChunkRows, end = XMath.Min(shape.R, first + shape.ChunkRows);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, warpM = (warp & 1) * 32, warpN = (warp >> 1) * 32;
        // The rows and chunks of eight columns that this thread names when its warp loads matrices.
        int leftRow = (lane & 7) + ((lane >> 4) << 3), leftChunk = (warpM >> 3) + ((lane >> 3) & 1), rightRow = lane & 15, rightChunk = (warpN >> 3) + (lane >> 4);
        WarpSums sums = default;
        for (int r0 = first; r0 < end; r0 += Slice)
        {
            Load<THalf>(shared, 0, a, a4, shape.VectorA, r0, end, m0, shape.M);
            Load<THalf>(shared, Right, b, b4, shape.VectorB, r0, end, n0, shape.N);
            Local.Barrier();
            sums = Multiply<THalf>(sums, shared, leftRow, leftChunk, Right, rightRow, rightChunk);
            sums = Multiply<THalf>(sums, shared, leftRow + 16, leftChunk, Right, rightRow + 16, rightChunk);
            Local.Barrier();
        }
        int row = m0 + warpM + (lane >> 2), column = n0 + warpN + 2 * (lane & 3), start = Grid.IdxZ * shape.M * shape.N;
        StoreStrip(partial, start, shape, row, column, sums.S0);
        StoreStrip(partial, start, shape, row + 16, column, sums.S1);
    }

    /// <summary>The same in tf32. ldmatrix transposes only what has 16 bits, so every thread fetches its words itself; rows are padded so that they lie in different banks.</summary>
    [Kernel(Hot = true, Tensor = true)]
    public static void ProductTf32Kernel(View partial, View a, ArrayView<F4> a4, View b, ArrayView<F4> b4, GradientShape shape)
    {
        const int Right = Slice * PaddedSide;
        var shared = SharedMemory.Allocate<uint>(2 * Slice * PaddedSide);
        int m0 = Grid.IdxX * Side, n0 = Grid.IdxY * Side, first = Grid.IdxZ * shape.ChunkRows, end = XMath.Min(shape.R, first + shape.ChunkRows);
        int lane = Group.IdxX & 31, warp = Group.IdxX >> 5, warpM = (warp & 1) * 32, warpN = (warp >> 1) * 32;
        int left = (lane & 3) * PaddedSide + warpM + (lane >> 2), right = Right + (lane & 3) * PaddedSide + warpN + (lane >> 2);
        WarpSums sums = default;
        for (int r0 = first; r0 < end; r0 += Slice)
        {
            LoadTf32(shared, 0, a, a4, shape.VectorA, r0, end, m0, shape.M);
            LoadTf32(shared, Right, b, b4, shape.VectorB, r0, end, n0, shape.N);
            Local.Barrier();
            for (int k = 0; k < Slice * PaddedSide; k += 8 * PaddedSide)
            {
                U4 b0 = Columns(shared, right + k), b1 = Columns(shared, right + k + 16);
                sums.S0 = Strip.Multiply<Tf32>(sums.S0, Rows(shared, left + k), b0, b1);
                sums.S1 = Strip.Multiply<Tf32>(sums.S1, Rows(shared, left + k + 16), b0, b1);
            }
            Local.Barrier();
        }
        int row = m0 + warpM + (lane >> 2), column = n0 + warpN + 2 * (lane & 3), start = Grid.IdxZ * shape.M * shape.N;
        StoreStrip(partial, start, shape, row, column, sums.S0);
        StoreStrip(partial, start, shape, row + 16, column, sums.S1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadTf32(ArrayView<uint> shared, int at, View x, ArrayView<F4> x4, int vector, int row0, int end, int column0, int width)
    {
        var target = shared.Cast<U4>();
        for (int i = Group.IdxX; i < Slice * Side / 4; i += Threads)
        {
            int row = i / (Side / 4), chunk = i - row * (Side / 4);
            F4 values = default;
            if (row0 + row < end)
                values = LinearGradients.Load(x, x4, vector, row0 + row, column0 + 4 * chunk, width);
            target[(at + row * PaddedSide + 4 * chunk) >> 2] = Strip.Round<Tf32>(values);
        }
    }

    // A left fragment: its rows g and g + 8 lie along the words, its inner dimension t and t + 4 across the rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static U4 Rows(ArrayView<uint> shared, int at)
    {
        U4 fragment;
        fragment.X = shared[at];
        fragment.Y = shared[at + 8];
        fragment.Z = shared[at + 4 * PaddedSide];
        fragment.W = shared[at + 4 * PaddedSide + 8];
        return fragment;
    }

    // Two right fragments of eight columns each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static U4 Columns(ArrayView<uint> shared, int at)
    {
        U4 fragments;
        fragments.X = shared[at];
        fragments.Y = shared[at + 4 * PaddedSide];
        fragments.Z = shared[at + 8];
        fragments.W = shared[at + 4 * PaddedSide + 8];
        return fragments;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Word(int row, int chunk) => Strip.Word(Chunks, row, chunk);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<THalf>(ArrayView<uint> shared, int at, View x, ArrayView<F4> x4, int vector, int row0, int end, int column0, int width)
        where THalf : struct, IHalf
    {
        var target = shared.Cast<U4>();
        for (int i = Group.IdxX; i < Slice * Chunks; i += Threads)
        {
            int row = i / Chunks, chunk = i - row * Chunks;
            F4 low = default, high = default;
            if (row0 + row < end)
            {
                low = LinearGradients.Load(x, x4, vector, row0 + row, column0 + 8 * chunk, width);
                high = LinearGradients.Load(x, x4, vector, row0 + row, column0 + 8 * chunk + 4, width);
            }
            target[(at + Word(row, chunk)) >> 2] = Strip.Round<THalf>(low, high);
        }
    }

    // 16 rows: two loads of either factor, eight matrix instructions.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static WarpSums Multiply<THalf>(WarpSums sums, ArrayView<uint> shared, int leftRow, int leftChunk, int right, int rightRow, int rightChunk)
        where THalf : struct, IHalf
    {
        U4 b0 = TensorCores.LoadMatricesTransposed(ref shared[0], right + Word(rightRow, rightChunk)), b1 = TensorCores.LoadMatricesTransposed(ref shared[0], right + Word(rightRow, rightChunk + 2));
        sums.S0 = Strip.Multiply<THalf>(sums.S0, TensorCores.LoadMatricesTransposed(ref shared[0], Word(leftRow, leftChunk)), b0, b1);
        sums.S1 = Strip.Multiply<THalf>(sums.S1, TensorCores.LoadMatricesTransposed(ref shared[0], Word(leftRow, leftChunk + 2)), b0, b1);
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreStrip(View partial, int start, GradientShape shape, int row, int column, Strip s)
    {
        StoreFragment(partial, start, shape, row, column, s.C0);
        StoreFragment(partial, start, shape, row, column + 8, s.C1);
        StoreFragment(partial, start, shape, row, column + 16, s.C2);
        StoreFragment(partial, start, shape, row, column + 24, s.C3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFragment(View partial, int start, GradientShape shape, int row, int column, F4 c)
    {
        StorePair(partial, start, shape, row, column, c.X, c.Y);
        StorePair(partial, start, shape, row + 8, column, c.Z, c.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(View partial, int start, GradientShape shape, int row, int column, float left, float right)
    {
        if (row >= shape.M)
            return;
        if (column < shape.N)
            partial[start + row * shape.N + column] = left;
        if (column + 1 < shape.N)
            partial[start + row * shape.N + column + 1] = right;
    }
}
