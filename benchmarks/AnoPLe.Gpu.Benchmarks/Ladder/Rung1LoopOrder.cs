using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// i, k, j: a row of C gathers multiples of B's rows. The additions of the inner loop no longer wait for each other, but each now loads and
/// stores its sum, and all of B passes by for every row of A.
/// </summary>
internal sealed unsafe class Rung1LoopOrder(LadderProblem p) : IRung
{
    private readonly TransposedWeights weights = new(p);

    public void Run()
    {
        Product(p.M, p.N, p.K, p.A, weights.B, p.C);
        Epilogue.OverAll(p);
    }

    public void Dispose() => weights.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Product(int M, int N, int K, float* a, float* b, float* c)
    {
        new Span<float>(c, M * N).Clear();
        for (nint i = 0; i < M; i++)
            for (nint k = 0; k < K; k++)
            {
                float aik = a[i * K + k];
                float* row = b + k * N, sums = c + i * N;
                for (nint j = 0; j < N; j++)
                    sums[j] += aik * row[j];
            }
    }
}
