namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of a sum over the rows of every sample.</summary>
internal struct RowSumShape
{
    /// <summary>Rows of a sample, chunks they are cut into, width of a row.</summary>
    public int Rows, Chunks, C;
}

/// <summary>
/// The first of two stages of a sum over many rows, each times a weight: every chunk of a sample's rows is summed alone, so that there is
/// enough to do for all multiprocessors. The second stage takes the chunks in their order.
/// </summary>
internal static class WeightedRowSums
{
    private const int RowsPerChunk = 128;

    /// <summary>Launches <see cref="ChunksKernel"/>.</summary>
    public delegate void Launch(AcceleratorStream stream, KernelConfig config, View sums, View weights, View x, RowSumShape shape);

    /// <summary>The sizes for samples of so many rows.</summary>
    public static RowSumShape Shape(int rows, int C) => new() { Rows = rows, Chunks = TileChoice.Tiles(RowsPerChunk, rows), C = C };

    /// <summary>One group per chunk and 64 columns.</summary>
    public static KernelConfig Config(int samples, RowSumShape shape)
        => new(new Index2D(samples * shape.Chunks, TileChoice.Tiles(RowGroup.Threads, shape.C)), new Index2D(RowGroup.Threads, 1));

    /// <summary>sums[n, chunk, c] = sum of weights[n, r] x[n, r, c] over the chunk's rows. One thread per column.</summary>
    [Kernel]
    public static void ChunksKernel(View sums, View weights, View x, RowSumShape shape)
    {
        int c = Grid.IdxY * RowGroup.Threads + Group.IdxX;
        if (c >= shape.C)
            return;
        int n = Grid.IdxX / shape.Chunks, first = (Grid.IdxX - n * shape.Chunks) * RowsPerChunk;
        int row0 = n * shape.Rows, row = row0 + first, end = row + RowsPerChunk;
        if (end > row0 + shape.Rows)
            end = row0 + shape.Rows;
        float sum = 0f;
        for (; row < end; row++)
            sum += weights[row] * x[row * shape.C + c];
        sums[Grid.IdxX * shape.C + c] = sum;
    }
}
