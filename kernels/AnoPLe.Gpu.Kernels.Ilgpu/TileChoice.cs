namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Which tile a product uses: the largest that still gives every multiprocessor work.</summary>
internal static class TileChoice
{
    /// <summary>Rows and columns of the tile: 128, 64 or 32.</summary>
    public static int Side(Accelerator gpu, int rows, int columns) => Side(gpu.NumMultiprocessors, gpu.MaxNumThreadsPerGroup, rows, columns);

    /// <summary>Rows and columns of the tile on a device with so many multiprocessors, which runs so many threads in a group.</summary>
    public static int Side(int multiprocessors, int maxThreads, int rows, int columns)
    {
        if (maxThreads >= 256 && Suits(128, multiprocessors, rows, columns))
            return 128;
        return Suits(64, multiprocessors, rows, columns) ? 64 : 32;
    }

    /// <summary>Launch configuration of one group per tile, tiles of rows along x.</summary>
    public static KernelConfig Config(int side, int rows, int columns)
    {
        int threads = side == 128 ? 16 : 8;
        return new(new Index2D(Tiles(side, rows), Tiles(side, columns)), new Index2D(threads, threads));
    }

    /// <summary>Tiles needed to cover an extent.</summary>
    public static int Tiles(int side, int extent) => (extent + side - 1) / side;

    // Every multiprocessor gets a tile, and at least 0.7 of the tiles' area is result rather than padding.
    private static bool Suits(int side, int multiprocessors, int rows, int columns)
    {
        long groups = (long)Tiles(side, rows) * Tiles(side, columns);
        return groups >= multiprocessors && (double)rows * columns >= 0.7 * groups * side * side;
    }
}
