namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// How rows are cut for a sum over them: into at most <see cref="MaxChunks"/> chunks, which depend on sizes alone, so that the sum has one
/// order on every device.
/// </summary>
internal struct RowChunks
{
    /// <summary>Most chunks: with a group for every 64 columns of each they fill a large GPU, and the second stage stays short.</summary>
    public const int MaxChunks = 256;

    private const int MinRows = 32; // below, partial rows would be a good part of what is moved

    /// <summary>Rows, columns, rows of a chunk, chunks.</summary>
    public int Rows, Columns, ChunkRows, Chunks;

    /// <summary>Cuts rows.</summary>
    public RowChunks(int rows, int columns)
    {
        Rows = rows;
        Columns = columns;
        ChunkRows = Math.Max(MinRows, TileChoice.Tiles(MaxChunks, rows));
        Chunks = TileChoice.Tiles(ChunkRows, rows);
    }

    /// <summary>Floats of the partial rows.</summary>
    public readonly int Floats => Chunks * Columns;

    /// <summary>One group per 64 columns and chunk of every sum; its index is (columns, chunk, sum).</summary>
    public readonly KernelConfig Config(int sums)
        => new(new Index3D(TileChoice.Tiles(RowGroup.Threads, Columns), Chunks, sums), new Index3D(RowGroup.Threads, 1, 1));
}

/// <summary>The second stage of sums over rows: the first, which each operation has of its own, leaves a partial row for every chunk.</summary>
internal sealed class ColumnSums(IlgpuBackend backend)
{
    /// <summary>A group has 8 columns, 32 bytes of each partial row, and 8 threads for each of them.</summary>
    private const int GroupColumns = 8, Slices = RowGroup.Threads / GroupColumns;

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View partial, RowChunks cut);

    private Launch? total;

    /// <summary>y[r, :] += sum over k of partial[r, k, :], for y [rows, columns] and partial [rows, chunks, columns].</summary>
    public void Add(View y, View partial, int rows, RowChunks cut)
    {
        total ??= backend.Load<Launch>(nameof(ColumnSums), TotalKernel);
        total(backend.Stream, new(new Index2D(TileChoice.Tiles(GroupColumns, cut.Columns), rows), new Index2D(RowGroup.Threads, 1)), y, partial, cut);
    }

    [Kernel]
    private static void TotalKernel(View y, View partial, RowChunks cut)
    {
        var sums = SharedMemory.Allocate<float>(RowGroup.Threads);
        int slice = Group.IdxX / GroupColumns, c = Grid.IdxX * GroupColumns + Group.IdxX % GroupColumns, C = cut.Columns;
        int first = Grid.IdxY * cut.Chunks;      // row of partial that holds chunk 0 of row Grid.IdxY of y
        float sum = 0f;
        if (c < C)
            for (int k = slice; k < cut.Chunks; k += Slices)
                sum += partial[(first + k) * C + c];
        sums[Group.IdxX] = sum;
        Local.Barrier();
        if (slice != 0 || c >= C)
            return;
        for (int s = 1; s < Slices; s++)
            sum += sums[s * GroupColumns + Group.IdxX];
        y[Grid.IdxY * C + c] += sum;
    }
}
