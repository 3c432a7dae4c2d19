using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>A rung as the table prints it.</summary>
/// <param name="Id">Number, with a letter for a side rung.</param>
/// <param name="Name">The idea in a few words.</param>
/// <param name="Over">The rung that its factor is measured against: the one whose code it changes. Null at the bottom.</param>
/// <param name="UsesThreads">Whether the number of threads matters; the others run once, on one.</param>
/// <param name="Create">Prepares it for a problem and a number of threads.</param>
internal sealed record LadderRung(string Id, string Name, string? Over, bool UsesThreads, Func<LadderProblem, int, IRung> Create)
{
    /// <summary>The rung that the product runs.</summary>
    public const string ShippedId = "7";

    public bool IsShipped => Id == ShippedId;
}

/// <summary>The ladder, bottom first, for the widest vectors of this processor. The command, the benchmark and the tests go through this list.</summary>
internal static class LadderRungs
{
    public static IReadOnlyList<LadderRung> All { get; } = InstructionSet.Bits switch
    {
        512 => Create<Vector512<float>, Simd512>(),
        256 => Create<Vector256<float>, Simd256>(),
        128 => Create<Vector128<float>, Simd128>(),
        _ => Create<float, SimdScalar>(),
    };

    /// <summary>The rungs with these ids, in the ladder's order.</summary>
    /// <exception cref="ArgumentException">No rung has one of the ids.</exception>
    public static IReadOnlyList<LadderRung> Select(string[] ids)
    {
        foreach (string id in ids)
            if (All.All(rung => rung.Id != id))
                throw new ArgumentException($"There is no rung '{id}'; the rungs are {string.Join(",", All.Select(rung => rung.Id))}.");
        return [.. All.Where(rung => ids.Contains(rung.Id))];
    }

    private static LadderRung[] Create<V, O>()
        where V : unmanaged
        where O : struct, ISimd<V> =>
    [
        new("0", "naive: i, j, k", null, false, (p, _) => new Rung0Naive(p)),
        new("0t", "naive, TensorPrimitives.Dot", "0", false, (p, _) => new Rung0Library(p)),
        new("1", "loop order: i, k, j", "0", false, (p, _) => new Rung1LoopOrder(p)),
        new("1t", "rung 1, TensorPrimitives", "1", false, (p, _) => new Rung2Library(p, p.K, p.N)),
        new("2", "blocked for the cache", "1", false, (p, _) => new Rung2Blocked(p)),
        new("2t", "rung 2, TensorPrimitives", "2", false, (p, _) => new Rung2Library(p, Rung2Blocked.DepthBlock, Rung2Blocked.ColumnBlock)),
        new("3", "packed panels", "2", false, (p, _) => new Rung3Packed<V, O>(p)),
        new("4", "vectors, one row", "3", false, (p, _) => new Rung4Vectors<V, O>(p)),
        new("5a", "tile, sums in an array", "4", false, (p, _) => new Rung5Array<V, O>(p)),
        new("5", O.ManyRegisters ? "register tile, 12 x 2 vectors" : "register tile, 6 x 2 vectors", "4", false, (p, _) => new Rung5RegisterTile<V, O>(p)),
        new("6", "bias and GELU in the tile", "5", false, (p, _) => new Rung6Fused<V, O>(p)),
        new("6p", "threads: Parallel.For", "6", true, (p, threads) => new Rung6ParallelFor<V, O>(p, threads)),
        new("6f", "threads: fork-join pool", "6", true, (p, threads) => new Rung6ForkJoin<V, O>(p, threads)),
        new(LadderRung.ShippedId, "Linear of the CPU backend", "6", true, (p, threads) => new Rung7Shipped(p, threads)),
        new("ort", "ONNX Runtime", LadderRung.ShippedId, true, (p, threads) => new OrtRung(p, threads)),
    ];
}
