using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// i, j, k: the definition. Rows of A and W are read in order, so memory is no problem; but every addition waits for the one before it, and
/// the JIT may not reorder float additions.
/// </summary>
internal sealed unsafe class Rung0Naive(LadderProblem p) : IRung
{
    public void Run()
    {
        Product(p.M, p.N, p.K, p.A, p.W, p.C);
        Epilogue.OverAll(p);
    }

    public void Dispose()
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Product(int M, int N, int K, float* a, float* w, float* c)
    {
        for (nint i = 0; i < M; i++)
            for (nint j = 0; j < N; j++)
            {
                float sum = 0;
                for (nint k = 0; k < K; k++)
                    sum += a[i * K + k] * w[j * K + k];
                c[i * N + j] = sum;
            }
    }
}
