using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>Rung 1 on blocks of B that stay in the second-level cache while all rows of A use them: B comes from further away once, not M times.</summary>
internal sealed unsafe class Rung2Blocked(LadderProblem p) : IRung
{
    // 128 x 512 floats are 256 KiB: half of a small second-level cache, a quarter of a large one.
    public const int DepthBlock = 128, ColumnBlock = 512;

    private readonly TransposedWeights weights = new(p);

    public void Run()
    {
        new Span<float>(p.C, p.M * p.N).Clear();
        for (int j = 0; j < p.N; j += ColumnBlock)
            for (int k = 0; k < p.K; k += DepthBlock)
                Block(p.M, Math.Min(ColumnBlock, p.N - j), Math.Min(DepthBlock, p.K - k), p.A + k, p.K, weights.B + (nint)k * p.N + j, p.N, p.C + j);
        Epilogue.OverAll(p);
    }

    public void Dispose() => weights.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block(int rows, int columns, int depth, float* a, nint lda, float* b, nint ldb, float* c)
    {
        for (nint i = 0; i < rows; i++)
            for (nint k = 0; k < depth; k++)
            {
                float aik = a[i * lda + k];
                float* row = b + k * ldb, sums = c + i * ldb; // C's rows are as far apart as B's
                for (nint j = 0; j < columns; j++)
                    sums[j] += aik * row[j];
            }
    }
}
