using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

public sealed class DeterminismTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void The_same_call_gives_the_same_bits(string backend)
    {
        foreach (var operation in OperationCase.All)
        {
            float[][] first = Run(backend, operation, calls: 1);
            Close.VerifyFinite(operation.Name, first);
            foreach (var again in new[] { Run(backend, operation, calls: 1), Run(backend, operation, calls: 3) })
                for (int i = 0; i < first.Length; i++)
                    Close.VerifySame($"{backend} {operation.Name} output {i}", again[i], first[i]);
        }
    }

    private static float[][] Run(string backend, OperationCase operation, int calls)
    {
        using var bench = new Workbench(backend);
        var (call, outputs) = operation.Prepare(bench);
        for (int i = 0; i < calls; i++)
            call();
        return [.. outputs.Select(bench.Read)];
    }
}
