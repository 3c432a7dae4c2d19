using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>Two CPU backends in one process, each used by its own thread, do not disturb each other.</summary>
public sealed class SideBySideTests
{
    [Fact, Trait("Backend", "cpu")]
    public async Task Backends_beside_each_other_give_the_bits_of_one_alone()
    {
        using CpuBackend alone = new(threads: 2), first = new(threads: 2), second = new(threads: 2);
        float[][] expected = Run(alone);
        var results = await Task.WhenAll(new[] { first, second }.Select(backend => Task.Run(
            () => Enumerable.Range(0, 8).Select(_ => Run(backend)).ToArray(), TestContext.Current.CancellationToken)));
        foreach (float[][] result in results.SelectMany(runs => runs))
            for (int i = 0; i < expected.Length; i++)
                Close.VerifySame($"side by side, output {i}", result[i], expected[i]);
    }

    // Every operation once, all outputs.
    private static float[][] Run(CpuBackend backend)
    {
        List<float[]> results = [];
        foreach (var operation in OperationCase.All)
        {
            using var bench = new Workbench(backend);
            var (call, outputs) = operation.Prepare(bench);
            call();
            results.AddRange(outputs.Select(bench.Read));
        }
        return [.. results];
    }
}
