using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Sums over many rows in two stages: a task sums a chunk of rows into a partial row of its own, then the partial rows are added up in
/// order. Chunks depend on sizes alone, so the sum has one order whatever the number of threads.
/// </summary>
internal static unsafe class ColumnSums<V, O>
    where V : unmanaged
    where O : struct, ISimd<V>
{
    /// <summary>Rows of a chunk. Few enough that the smallest sums occupy all cores, enough that partial rows are a small part of what is read.</summary>
    public const int ChunkRows = 128;

    /// <summary>Chunks that rows are cut into.</summary>
    public static int Chunks(int rows) => (rows + ChunkRows - 1) / ChunkRows;

    /// <summary>Floats between partial rows: whole vectors, so that partial sums need no tails.</summary>
    public static int Stride(int columns) => (columns + O.N - 1) / O.N * O.N;

    /// <summary>sums = the sum of the rows of x, in whole vectors: beyond the columns come values that nobody may use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Partial(float* sums, float* x, int rows, int columns)
    {
        for (int c = 0; c < columns; c += O.N)
            O.Store(default, sums + c);
        for (; rows > 0; rows--, x += columns)
            for (int c = 0; c < columns; c += O.N)
                O.Store(O.Add(O.Load(sums + c), O.Load(x + c)), sums + c);
    }

    /// <summary>The second stage: every row of y gets its own run of partial rows added, y[r, :] += sum over k of partial[r, k, :].</summary>
    public sealed class TotalJob : Job
    {
        private float* y, partial;
        private int columns, chunks, columnBlocks, vectorsPerTask;

        /// <summary>Takes the arguments of one call: target [rows, width], partialRows [rows, count, <see cref="Stride"/>].</summary>
        public void Set(float* target, float* partialRows, int rows, int width, int count, int threads)
        {
            y = target;
            partial = partialRows;
            columns = width;
            chunks = count;
            int vectors = Stride(width) / O.N;
            vectorsPerTask = RowsPerTask(vectors, 4L * O.N * count, threads);
            columnBlocks = (vectors + vectorsPerTask - 1) / vectorsPerTask;
            Tasks = rows * columnBlocks;
        }

        /// <inheritdoc/>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Run(int task, int worker)
        {
            int row = task / columnBlocks, stride = Stride(columns), c = task % columnBlocks * vectorsPerTask * O.N;
            int end = Math.Min(columns, c + vectorsPerTask * O.N);
            float* target = y + (nint)row * columns, from = partial + (nint)row * chunks * stride;
            for (; c < end; c += O.N)
            {
                V sum = O.Load(from + c);
                for (int k = 1; k < chunks; k++)
                    sum = O.Add(sum, O.Load(from + (nint)k * stride + c));
                sum = O.Add(O.Load(target + c), sum);
                if (c <= columns - O.N)
                    O.Store(sum, target + c);
                else
                    Elementwise<V, O>.StoreFirst(sum, target + c, columns - c);
            }
        }
    }
}
