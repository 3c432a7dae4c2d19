namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Which tile a product uses: the largest that still gives every multiprocessor work.</summary>
internal static class TileChoice
{
    /// <summary>Rows and columns of the tile: 128, 64 or 32.</summary>
    public static int Side(Accelerator gpu, int rows, int columns)
    {
        int multiprocessors = gpu.NumMultiprocessors;
        if (gpu.MaxNumThreadsPerGroup >= 256 && Groups(128, rows, columns) >= multiprocessors && Fill(128, rows, columns) >= 0.7)
            return 128;
        return Groups(64, rows, columns) >= multiprocessors && Fill(64, rows, columns) >= 0.7 ? 64 : 32;
    }

    /// <summary>Launch configuration of one group per tile, tiles of rows along x.</summary>
    public static KernelConfig Config(int side, int rows, int columns)
    {
        int threads = side == 128 ? 16 : 8;
        return new(new Index2D(Tiles(side, rows), Tiles(side, columns)), new Index2D(threads, threads));
    }

    /// <summary>Tiles needed to cover an extent.</summary>
    public static int Tiles(int side, int extent) => (extent + side - 1) / side;

    private static long Groups(int side, int rows, int columns) => (long)Tiles(side, rows) * Tiles(side, columns);

    // Share of the tiles' area that is result and not padding.
    private static double Fill(int side, int rows, int columns) => (double)rows * columns / ((double)Groups(side, rows, columns) * side * side);
}
