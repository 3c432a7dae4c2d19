using System.Numerics.Tensors;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// Rungs 1 and 2 with their inner loop from System.Numerics.Tensors. Rung 1 is one block as large as B. With vectors the loop is fast enough
/// for memory to matter, which it does not in rungs 1 and 2 themselves.
/// </summary>
internal sealed unsafe class Rung2Library(LadderProblem p, int depthBlock, int columnBlock) : IRung
{
    private readonly TransposedWeights weights = new(p);

    public void Run()
    {
        new Span<float>(p.C, p.M * p.N).Clear();
        for (int j = 0; j < p.N; j += columnBlock)
            for (int k = 0; k < p.K; k += depthBlock)
                Block(k, Math.Min(p.K, k + depthBlock), j, Math.Min(columnBlock, p.N - j));
        Epilogue.OverAll(p);
    }

    public void Dispose() => weights.Dispose();

    private void Block(int depth, int depthEnd, int column, int columns)
    {
        for (nint i = 0; i < p.M; i++)
        {
            var sums = new Span<float>(p.C + i * p.N + column, columns);
            for (nint k = depth; k < depthEnd; k++)
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(weights.B + k * p.N + column, columns), p.A[i * p.K + k], sums, sums);
        }
    }
}
