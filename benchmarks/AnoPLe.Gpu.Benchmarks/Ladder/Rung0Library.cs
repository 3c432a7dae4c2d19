using System.Numerics.Tensors;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>Rung 0 with its inner loop from System.Numerics.Tensors: the best that a loop over dot products can be, in one line.</summary>
internal sealed unsafe class Rung0Library(LadderProblem p) : IRung
{
    public void Run()
    {
        for (nint i = 0; i < p.M; i++)
            for (nint j = 0; j < p.N; j++)
                p.C[i * p.N + j] = TensorPrimitives.Dot(new ReadOnlySpan<float>(p.A + i * p.K, p.K), new ReadOnlySpan<float>(p.W + j * p.K, p.K));
        Epilogue.OverAll(p);
    }

    public void Dispose()
    {
    }
}
