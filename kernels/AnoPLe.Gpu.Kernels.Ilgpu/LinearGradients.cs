using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of C (M, N) += A^T B over R rows, and how the rows are cut.</summary>
internal struct GradientShape
{
    /// <summary>Columns of A, columns of B, rows of both.</summary>
    public int M, N, R;

    /// <summary>Rows of a chunk; chunks.</summary>
    public int ChunkRows, Chunks;

    /// <summary>1 when A, B may be read in units of four floats.</summary>
    public int VectorA, VectorB;
}

/// <summary>
/// The gradients of a linear layer's weights and bias. Weights: a group of 8 x 8 threads has a tile of 32 x 32 of C and a chunk of the rows, of
/// which 8 at a time pass through shared memory; both operands lie as the outer products want them, so nothing is transposed. Chunks and then
/// their sums have a fixed order, which depends on sizes alone.
/// </summary>
internal sealed class LinearGradients(IlgpuBackend backend)
{
    private const int Tile = 32, Slice = 8, Threads = 8, Quads = Tile / 4;
    private const int WantedGroups = 512;       // enough for a large GPU
    private const int MinChunkRows = 64;        // below, partial sums would be a good part of what is moved
    private const int MostPartialFloats = 1 << 24;

    private delegate void LaunchProduct(AcceleratorStream stream, KernelConfig config, View c, View a, ArrayView<F4> a4, View b, ArrayView<F4> b4, GradientShape shape);

    private delegate void LaunchSums(AcceleratorStream stream, KernelConfig config, View partial, View dy, RowChunks cut);

    private readonly ColumnSums totals = new(backend);
    private LaunchProduct? product;
    private LaunchSums? sums;
    private MemoryBuffer1D<float, Stride1D.Dense>? partialProducts, partialRows;

    /// <summary>C += A^T B.</summary>
    public void AddProduct(Tensor c, Tensor a, Tensor b)
    {
        bool rounds = backend.MatrixPrecision != MatrixPrecision.Fp32;
        int side = rounds ? TensorGradients.Side : Tile, M = a.Width, N = b.Width, R = a.Rows, tiles = TileChoice.Tiles(side, M) * TileChoice.Tiles(side, N);
        var a4 = a.Quads(backend, M, out bool vectorA);
        var b4 = b.Quads(backend, N, out bool vectorB);
        int chunks = Math.Max(1, Math.Min(Math.Min(WantedGroups / tiles, R / MinChunkRows), MostPartialFloats / (M * N)));
        GradientShape shape = new() { M = M, N = N, R = R, ChunkRows = TileChoice.Tiles(chunks, R), VectorA = vectorA ? 1 : 0, VectorB = vectorB ? 1 : 0 };
        shape.Chunks = TileChoice.Tiles(shape.ChunkRows, R);
        var partial = backend.Scratch(ref partialProducts, "partial sums of a weight's gradient", shape.Chunks * M * N);
        product ??= backend.Load<LaunchProduct>(nameof(Linear), backend.MatrixPrecision switch
        {
            MatrixPrecision.Bf16 => TensorGradients.ProductKernel<Bf16>,
            MatrixPrecision.Fp16 => TensorGradients.ProductKernel<Fp16>,
            MatrixPrecision.Tf32 => TensorGradients.ProductTf32Kernel,
            _ => ProductKernel,
        });
        product(backend.Stream, new(new Index3D(TileChoice.Tiles(side, M), TileChoice.Tiles(side, N), shape.Chunks),
            rounds ? new Index3D(TensorGradients.Threads, 1, 1) : new Index3D(Threads, Threads, 1)), partial, a.View(backend), a4, b.View(backend), b4, shape);
        totals.Add(c.View(backend), partial, 1, new() { Rows = R, Columns = M * N, ChunkRows = shape.ChunkRows, Chunks = shape.Chunks });
    }

    /// <summary>db += sum of the rows of dy.</summary>
    public void AddRows(Tensor dbias, Tensor dy)
    {
        var cut = new RowChunks(dy.Rows, dy.Width);
        var partial = backend.Scratch(ref partialRows, "partial sums of a bias's gradient", cut.Floats);
        sums ??= backend.Load<LaunchSums>(nameof(Linear), SumsKernel);
        sums(backend.Stream, cut.Config(1), partial, dy.View(backend), cut);
        totals.Add(dbias.View(backend), partial, 1, cut);
    }

    // partial: [chunks, M, N].
    [Kernel(Hot = true)]
    private static void ProductKernel(View partial, View a, ArrayView<F4> a4, View b, ArrayView<F4> b4, GradientShape shape)
    {
        var left = SharedMemory.Allocate<F4>(2 * Slice * Quads);
        var right = left.SubView(Slice * Quads);
        int m0 = Grid.IdxX * Tile, n0 = Grid.IdxY * Tile, first = Grid.IdxZ * shape.ChunkRows, end = XMath.Min(shape.R, first + shape.ChunkRows);
        int at = Group.IdxY * Quads + Group.IdxX;      // this thread loads row IdxY, columns 4 IdxX .. 4 IdxX + 3 of both slices
        Block4 c = default;
        for (int r0 = first; r0 < end; r0 += Slice)
        {
            F4 va = default, vb = default;
            if (r0 + Group.IdxY < end)
            {
                va = Load(a, a4, shape.VectorA, r0 + Group.IdxY, m0 + 4 * Group.IdxX, shape.M);
                vb = Load(b, b4, shape.VectorB, r0 + Group.IdxY, n0 + 4 * Group.IdxX, shape.N);
            }
            left[at] = va;
            right[at] = vb;
            Local.Barrier();
            var l = left.SubView(Group.IdxY);
            var r = right.SubView(Group.IdxX);
            c = Block4.Outer(c, l[0], r[0]);
            c = Block4.Outer(c, l[Quads], r[Quads]);
            c = Block4.Outer(c, l[2 * Quads], r[2 * Quads]);
            c = Block4.Outer(c, l[3 * Quads], r[3 * Quads]);
            c = Block4.Outer(c, l[4 * Quads], r[4 * Quads]);
            c = Block4.Outer(c, l[5 * Quads], r[5 * Quads]);
            c = Block4.Outer(c, l[6 * Quads], r[6 * Quads]);
            c = Block4.Outer(c, l[7 * Quads], r[7 * Quads]);
            Local.Barrier();
        }
        int row = m0 + 4 * Group.IdxY, column = n0 + 4 * Group.IdxX, start = (Grid.IdxZ * shape.M + row) * shape.N + column;
        StoreRow(partial, start, c.R0, row, column, shape);
        StoreRow(partial, start + shape.N, c.R1, row + 1, column, shape);
        StoreRow(partial, start + 2 * shape.N, c.R2, row + 2, column, shape);
        StoreRow(partial, start + 3 * shape.N, c.R3, row + 3, column, shape);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 Load(View x, ArrayView<F4> x4, int vector, int row, int column, int width)
    {
        F4 v = default;
        int at = row * width + column;
        if (vector != 0)
        {
            if (column < width)
                v = x4[at >> 2];
            return v;
        }
        if (column < width)
            v.X = x[at];
        if (column + 1 < width)
            v.Y = x[at + 1];
        if (column + 2 < width)
            v.Z = x[at + 2];
        if (column + 3 < width)
            v.W = x[at + 3];
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(View partial, int at, F4 v, int row, int column, GradientShape shape)
    {
        if (row >= shape.M)
            return;
        if (column < shape.N)
            partial[at] = v.X;
        if (column + 1 < shape.N)
            partial[at + 1] = v.Y;
        if (column + 2 < shape.N)
            partial[at + 2] = v.Z;
        if (column + 3 < shape.N)
            partial[at + 3] = v.W;
    }

    // A thread has one column of a chunk of rows.
    [Kernel]
    private static void SumsKernel(View partial, View dy, RowChunks cut)
    {
        int C = cut.Columns, c = Grid.IdxX * RowGroup.Threads + Group.IdxX, row = Grid.IdxY * cut.ChunkRows, end = XMath.Min(cut.Rows, row + cut.ChunkRows);
        if (c >= C)
            return;
        float sum = 0f;
        for (; row < end; row++)
            sum += dy[row * C + c];
        partial[Grid.IdxY * C + c] = sum;
    }
}
