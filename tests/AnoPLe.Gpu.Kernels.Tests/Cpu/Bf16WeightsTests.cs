using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>
/// Weights kept in bf16 on the processor give the bits that fp32 gives with weights rounded beforehand; what fp32 gives is tested against references.
/// </summary>
[Trait("Backend", "cpu")]
public sealed class Bf16WeightsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Linear_gives_the_bits_of_rounded_weights(int threads)
    {
        int round = 0;
        foreach (int M in new[] { 1, 5, 12, 31 })
            foreach (int N in new[] { 1, 16, 33, 70 })
                foreach (int K in new[] { 1, 7, 64, 65, 1024, 1793 })
                    Verify(threads, M, N, K, round++);
        Verify(threads, 230, 100, 2048, round);
    }

    [Fact]
    public void Input_gradients_and_refreshed_weights_too()
    {
        const int Out = 37, In = 75;
        float[] weight = Numbers.Uniform(1, Out * In), dy = Numbers.Uniform(2, 4 * Out);
        Assert.Equal(Run(MatrixPrecision.Fp32, Rounded(weight)), Run(MatrixPrecision.Bf16, weight));

        float[] Run(MatrixPrecision precision, float[] values)
        {
            using var backend = new CpuBackend(1, precision);
            using var transposed = backend.Linear.PackTransposed("w", new float[Out * In], Out, In);
            using Tensor source = backend.Upload("source", new(Out, In), values), input = backend.Upload("dy", new(4, Out), dy), output = backend.Allocate("dx", new(4, In));
            backend.Linear.Repack(transposed, source, layout: WeightLayout.InOut);
            backend.Linear.BackwardInput(output, input, transposed);
            return Read(backend, output);
        }
    }

    [Fact]
    public void Patch_embedding_gives_the_bits_of_rounded_weights()
    {
        const int Size = 24, Patch = 8, C = 40, Patches = 9;
        float[] weight = Numbers.Uniform(1, C * 3 * Patch * Patch), images = Numbers.Uniform(2, 2 * 3 * Size * Size), positions = Numbers.Uniform(3, (Patches + 1) * C);
        Assert.Equal(Run(MatrixPrecision.Fp32, Rounded(weight)), Run(MatrixPrecision.Bf16, weight));

        float[] Run(MatrixPrecision precision, float[] values)
        {
            using var backend = new CpuBackend(2, precision);
            using var packed = backend.Linear.Pack("conv1", values, [], C, 3 * Patch * Patch);
            using Tensor x = backend.Allocate("x", new(2, Patches + 1, C)), input = backend.Upload("images", new(2, 3, Size, Size), images),
                classEmbedding = backend.Upload("class", new(C), positions.AsSpan(0, C)), embedding = backend.Upload("positions", new(Patches + 1, C), positions);
            backend.PatchEmbedding.Forward(x, input, packed, classEmbedding, embedding, Patch);
            return Read(backend, x);
        }
    }

    [Fact]
    public void Pairs_round_to_nearest_ties_to_even_and_keep_what_is_no_number()
    {
        Assert.Equal(0x3F80_3F80u, Bf16.Pair(1, 1));
        Assert.Equal(0x4000_3F80u, Bf16.Pair(1 + 1f / 256, 2 - 1f / 512)); // ties: down to even, up to the next power of two
        Assert.Equal(0xBF82_3F82u, Bf16.Pair(1 + 3f / 256, -1 - 3f / 256)); // ties: up to even
        Assert.Equal(0x0000_8000u, Bf16.Pair(-0f, 1e-45f));
        Assert.Equal(0x7F80_FF80u, Bf16.Pair(float.NegativeInfinity, float.MaxValue));
        uint none = Bf16.Pair(float.NaN, BitConverter.UInt32BitsToSingle(0x7F800001));
        Assert.True(float.IsNaN(BitConverter.UInt32BitsToSingle(none << 16)) && float.IsNaN(BitConverter.UInt32BitsToSingle(none & 0xFFFF0000)));
    }

    [Fact]
    public void Weights_take_half_the_memory_unless_they_shall_be_exact()
    {
        using var backend = new CpuBackend(1, MatrixPrecision.Bf16);
        using var rounded = backend.Linear.Pack("w", new float[64 * 64], [], 64, 64);
        using var exact = backend.Linear.Pack("bank", new float[64 * 64], [], 64, 64, exact: true);
        Assert.Equal(((PackedPanels)exact).PanelSize, 2 * ((PackedPanels)rounded).PanelSize);
        Assert.Equal((MatrixPrecision.Bf16, MatrixPrecision.Fp32), (rounded.Precision, exact.Precision));
        Assert.Contains("bf16", backend.Precision, StringComparison.Ordinal);
        using Tensor features = backend.Upload("features", new(2, 64), new float[128]), distance = backend.Allocate("distance", new(2));
        backend.MemoryBankDistance.Forward(distance, features, exact);
        Refused.With(() => backend.MemoryBankDistance.Forward(distance, features, rounded), "Bf16", "exact: true");
    }

    private static void Verify(int threads, int M, int N, int K, int round)
    {
        float[] x = Numbers.Uniform(round + 1, M * K), weight = Numbers.Uniform(round + 2, N * K), bias = (round & 1) == 0 ? [] : Numbers.Uniform(round + 3, N);
        var layout = (round & 2) == 0 ? WeightLayout.OutIn : WeightLayout.InOut;
        var activation = (Activation)(round % 3);
        float[] expected = Run(MatrixPrecision.Fp32, Rounded(weight)), actual = Run(MatrixPrecision.Bf16, weight);
        Assert.True(expected.AsSpan().SequenceEqual(actual), $"{threads} threads, M {M}, N {N}, K {K}, {layout}, {activation}");

        float[] Run(MatrixPrecision precision, float[] values)
        {
            using var backend = new CpuBackend(threads, precision);
            using var packed = backend.Linear.Pack("w", values, bias, N, K, layout);
            using Tensor input = backend.Upload("x", new(M, K), x), y = backend.Upload("y", new(M, N), Numbers.Uniform(7, M * N));
            backend.Linear.Forward(y, input, packed, activation, accumulate: activation == Activation.None);
            return Read(backend, y);
        }
    }

    // Through double: 8 significant bits of a double's mantissa, ties to even.
    private static float[] Rounded(float[] values) => [.. values.Select(value =>
    {
        if (value == 0)
            return value;
        double unit = Math.Pow(2, Math.ILogB(value) - 7);
        return (float)(Math.Round(value / unit, MidpointRounding.ToEven) * unit);
    })];

    private static float[] Read(CpuBackend backend, Tensor tensor)
    {
        var values = new float[tensor.Count];
        backend.Read(tensor, values);
        return values;
    }
}
