using AnoPLe.Gpu.Kernels.Ilgpu;
using ILGPU;

namespace AnoPLe.Gpu.Benchmarks.GpuLadder;

/// <summary>Sizes of y[M, N] = GELU(x[M, K] W[K, N] + bias[N]).</summary>
internal struct GpuLadderShape
{
    public int M, N, K;
}

/// <summary>The rungs below the shipped products, one idea each; gpu-ladder.md explains them. Threads along x are neighbours, so they take neighbouring columns.</summary>
internal static class GpuLadderKernels
{
    /// <summary>Threads of a group in each direction, and what they compute at once, in the first three rungs.</summary>
    public const int Side = 16, RegisterSide = 64;

    /// <summary>Rows and columns of the warp's tile in the fourth.</summary>
    public const int WarpRows = 16, WarpColumns = 8;

    /// <summary>A thread per output, everything from global memory: 2 loads for each multiply-add.</summary>
    [Kernel]
    public static void Naive(ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y, GpuLadderShape s)
    {
        int row = Grid.IdxY * Side + Group.IdxY, column = Grid.IdxX * Side + Group.IdxX;
        if (row >= s.M || column >= s.N)
            return;
        float sum = 0;
        for (int k = 0; k < s.K; k++)
            sum += x[row * s.K + k] * w[k * s.N + column];
        y[row * s.N + column] = Gelu.Apply(sum + bias[column]);
    }

    /// <summary>Tiles of 16 x 16 of both factors in shared memory: a sixteenth of the global loads, still 2 shared ones for each multiply-add.</summary>
    [Kernel]
    public static void Tiled(ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y, GpuLadderShape s)
    {
        var left = SharedMemory.Allocate<float>(2 * Side * Side);
        var right = left.SubView(Side * Side);
        int tx = Group.IdxX, ty = Group.IdxY, row = Grid.IdxY * Side + ty, column = Grid.IdxX * Side + tx;
        float sum = 0;
        for (int k = 0; k < s.K; k += Side)
        {
            left[ty * Side + tx] = Element(x, row, k + tx, s.M, s.K);
            right[ty * Side + tx] = Element(w, k + ty, column, s.K, s.N);
            Local.Barrier();
            for (int i = 0; i < Side; i++)
                sum += left[ty * Side + i] * right[i * Side + tx];
            Local.Barrier();
        }
        if (row < s.M && column < s.N)
            y[row * s.N + column] = Gelu.Apply(sum + bias[column]);
    }

    /// <summary>Tiles of 64 x 64, 16 sums in the registers of a thread: 8 shared loads for 16 multiply-adds.</summary>
    [Kernel]
    public static void Registers(ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y, GpuLadderShape s)
    {
        const int Stride = Side + 1; // of the left tile: its columns then lie in different banks
        var left = SharedMemory.Allocate<float>((RegisterSide * Stride) + (Side * RegisterSide));
        var right = left.SubView(RegisterSide * Stride);
        int tx = Group.IdxX, ty = Group.IdxY, row = (Grid.IdxY * RegisterSide) + ty, column = (Grid.IdxX * RegisterSide) + tx;
        Block4 c = default;
        for (int k = 0; k < s.K; k += Side)
        {
            for (int i = 0; i < RegisterSide; i += Side)
            {
                left[(ty + i) * Stride + tx] = Element(x, row + i, k + tx, s.M, s.K);
                right[ty * RegisterSide + tx + i] = Element(w, k + ty, column + i, s.K, s.N);
            }
            Local.Barrier();
            for (int i = 0; i < Side; i++)
            {
                var l = left.SubView(ty * Stride + i);
                var r = right.SubView(i * RegisterSide + tx);
                c = Block4.Outer(c, F4.Of(l[0], l[Side * Stride], l[2 * Side * Stride], l[3 * Side * Stride]), F4.Of(r[0], r[Side], r[2 * Side], r[3 * Side]));
            }
            Local.Barrier();
        }
        StoreRow(bias, y, s, row, column, c.R0);
        StoreRow(bias, y, s, row + Side, column, c.R1);
        StoreRow(bias, y, s, row + 2 * Side, column, c.R2);
        StoreRow(bias, y, s, row + 3 * Side, column, c.R3);
    }

    /// <summary>A warp per 16 x 8 outputs on tensor cores, factors rounded to bf16 on the way from global memory: 2048 multiply-adds an instruction, starved of data.</summary>
    [Kernel(Tensor = true)]
    public static void Warps(ArrayView<float> x, ArrayView<float> w, ArrayView<float> bias, ArrayView<float> y, GpuLadderShape s)
    {
        int g = Group.IdxX >> 2, t = 2 * (Group.IdxX & 3), row = Grid.IdxY * WarpRows + g, column = Grid.IdxX * WarpColumns;
        F4 c = default;
        for (int k = t; k < s.K + t; k += 16)
            c = TensorCores.MultiplyAdd(c, Pair(x, row, k, s), Pair(x, row + 8, k, s), Pair(x, row, k + 8, s), Pair(x, row + 8, k + 8, s),
                TensorCores.Pack(Element(w, k, column + g, s.K, s.N), Element(w, k + 1, column + g, s.K, s.N)),
                TensorCores.Pack(Element(w, k + 8, column + g, s.K, s.N), Element(w, k + 9, column + g, s.K, s.N)));
        Store(bias, y, s, row, column + t, c.X);
        Store(bias, y, s, row, column + t + 1, c.Y);
        Store(bias, y, s, row + 8, column + t, c.Z);
        Store(bias, y, s, row + 8, column + t + 1, c.W);
    }

    private static uint Pair(ArrayView<float> x, int row, int k, GpuLadderShape s) => TensorCores.Pack(Element(x, row, k, s.M, s.K), Element(x, row, k + 1, s.M, s.K));

    private static float Element(ArrayView<float> matrix, int row, int column, int rows, int columns) => row < rows && column < columns ? matrix[row * columns + column] : 0f;

    private static void StoreRow(ArrayView<float> bias, ArrayView<float> y, GpuLadderShape s, int row, int column, F4 c)
    {
        Store(bias, y, s, row, column, c.X);
        Store(bias, y, s, row, column + Side, c.Y);
        Store(bias, y, s, row, column + 2 * Side, c.Z);
        Store(bias, y, s, row, column + 3 * Side, c.W);
    }

    private static void Store(ArrayView<float> bias, ArrayView<float> y, GpuLadderShape s, int row, int column, float sum)
    {
        if (row < s.M && column < s.N)
            y[row * s.N + column] = Gelu.Apply(sum + bias[column]);
    }
}
