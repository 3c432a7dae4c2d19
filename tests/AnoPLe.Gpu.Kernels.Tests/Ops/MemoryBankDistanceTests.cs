using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;
public sealed class MemoryBankDistanceTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference(string backend)
    {
        int round = 0;
        foreach (var (rows, M, C) in new[] { (1, 1, 1), (1, 33, 8), (3, 1, 7), (2, 3, 16), (7, 31, 3), (16, 64, 9), (17, 65, 18), (33, 16, 33) })
            Verify(backend, new(rows, M, C, Accumulate: round % 2 == 1, round % 3 == 0 ? 1 : 0.25f, round++ % 2 == 0 ? Workbench.Aligned : Workbench.Odd));
    }

    [Theory, Trait("Size", "Tiles"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Forward_matches_the_reference_at_model_sizes(string backend)
    {
        Verify(backend, new(225, 900, 896, Accumulate: false, 0.5f, Workbench.Aligned));
        Verify(backend, new(230, 1025, 130, Accumulate: true, 0.5f, Workbench.Odd));
        Verify(backend, new(1, 4099, 64, Accumulate: false, 1, Workbench.Odd));
        Verify(backend, new(1025, 3, 65, Accumulate: true, 1, Workbench.Aligned));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void A_stored_feature_is_at_distance_zero_and_its_opposite_at_one(string backend)
    {
        const int M = 37, C = 20;
        float[] bank = Numbers.UnitRows(7, M, C);
        using var bench = new Workbench(backend);
        var packed = bench.Weight("bank", bank, [], M, C);
        var distance = bench.Output("distance", M);
        bench.Backend.MemoryBankDistance.Forward(distance, bench.Input("features", new(M, C), bank), packed);
        Assert.All(bench.Read(distance), d => Assert.InRange(d, -5e-7f, 5e-7f));

        var single = bench.Weight("single", bank[..C], [], 1, C);
        var opposite = bench.Output("opposite", 1);
        bench.Backend.MemoryBankDistance.Forward(opposite, bench.Input("minus", new(1, C), [.. bank[..C].Select(v => -v)]), single);
        Assert.Equal(1f, bench.Read(opposite)[0], 1e-6f);
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Layers_average_by_accumulation(string backend)
    {
        const int rows = 5, C = 6;
        float[] features = Numbers.UnitRows(1, rows, C), first = Numbers.UnitRows(2, 4, C), second = Numbers.UnitRows(3, 9, C);
        using var bench = new Workbench(backend);
        var distance = bench.Output("distance", rows);
        var x = bench.Input("features", new(rows, C), features);
        bench.Backend.MemoryBankDistance.Forward(distance, x, bench.Weight("first", first, [], 4, C), 0.5f);
        bench.Backend.MemoryBankDistance.Forward(distance, x, bench.Weight("second", second, [], 9, C), 0.5f, accumulate: true);
        double[] f = Numbers.As<double>(features);
        double[] exact = MemoryBankDistanceReference.Forward(f, Numbers.As<double>(second), C, 0.5, MemoryBankDistanceReference.Forward(f, Numbers.As<double>(first), C, 0.5));
        float[] naive = MemoryBankDistanceReference.Forward(features, second, C, 0.5f, MemoryBankDistanceReference.Forward(features, first, C, 0.5f));
        Close.Verify(backend, bench.Read(distance), exact, naive, scale: 1);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var search = backend.MemoryBankDistance;
        Tensor features = backend.Floats(2, 5, 8), distance = backend.Floats(10);
        var bank = backend.Weight(30, 8);
        Refused.With(() => search.Forward(distance, backend.Floats(10, 7), bank), "features", "7", "8");
        Refused.With(() => search.Forward(backend.Floats(2), features, bank), "distance", "2", "10");
        Refused.With(() => search.Forward(distance, features, backend.Weight(30, 8, bias: true)), "bias");
        Refused.With(() => search.Forward(distance, features, other.Weight(30, 8)), "another");
        Refused.With(() => search.Forward(distance, other.Floats(10, 8), bank), "features", "another");
        Refused.With(() => search.Forward(backend.Integers(10), features, bank), "distance", "I32", "F32");
        Assert.Equal(0, backend.Calls);
        search.Forward(backend.Floats(2, 5), features, bank, 0.5f, accumulate: true);
        Assert.Equal(1, backend.Calls);
    }

    private static void Verify(string backend, BankCase c)
    {
        using var bench = new Workbench(backend, c.Offset);
        float[] features = Numbers.UnitRows(c.Rows, c.Rows, c.C), bank = Numbers.UnitRows(c.M + 1000, c.M, c.C);
        float[]? start = c.Accumulate ? Numbers.Uniform(c.C, c.Rows) : null;
        var exact = MemoryBankDistanceReference.Forward(Numbers.As<double>(features), Numbers.As<double>(bank), c.C, c.Scale, start is null ? null : Numbers.As<double>(start));
        var naive = MemoryBankDistanceReference.Forward(features, bank, c.C, c.Scale, start);
        var distance = start is null ? bench.Output("distance", c.Rows) : bench.InOut("distance", new(c.Rows), start);
        bench.Backend.MemoryBankDistance.Forward(distance, bench.Input("features", new(c.Rows, c.C), features), bench.Weight("bank", bank, [], c.M, c.C), c.Scale, c.Accumulate);
        Close.Verify($"{backend} {c}", bench.Read(distance), exact, naive, scale: 1);
    }

    private sealed record BankCase(int Rows, int M, int C, bool Accumulate, float Scale, int Offset);
}
