namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// One way to compute C = GELU(A W^T + bias). Whatever depends on the weights alone (a transposed copy, panels) is made by the constructor:
/// weights are frozen, so it is done once in a model's life and not part of a run.
/// </summary>
internal interface IRung : IDisposable
{
    /// <summary>Computes all of C.</summary>
    void Run();

    /// <summary>Copies the result to the problem's C, where <see cref="Run"/> leaves it elsewhere. Not timed.</summary>
    void Deliver()
    {
    }
}
