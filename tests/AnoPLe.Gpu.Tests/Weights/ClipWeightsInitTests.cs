using System.Security.Cryptography;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Randomness;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Weights;

public sealed class ClipWeightsInitTests
{
    private static readonly ClipConfig Tiny = ClipConfig.Known["tiny"];

    [Fact]
    public void The_bits_are_pinned()
    {
        using TemporaryFolder folder = new();
        ClipWeightsInit.Create(Tiny, 0, folder["a"]);
        using ClipWeights file = ClipWeights.Load(folder["a"]), memory = ClipWeights.Random(Tiny, 0);
        // A change here changes every seeded model that anybody has made.
        Assert.Equal("5d8af38196d3ff1f29563e5a87b7b03df774bc106d248c80498c8c7731130749", memory.Hash);
        Assert.Equal(memory.Hash, file.Hash);
        Assert.Equal("14f2d757ef9001ae064b3c753099ab810d481b696988dae5d54b3f6b931d0121", Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(folder["a"]))));
        Assert.Equal(Tiny, file.Config);
        Assert.Equal("tiny", ClipWeights.Load(folder["a"], Tiny).Config.KnownName);
    }

    [Fact]
    public void Another_seed_and_another_tensor_give_other_numbers()
    {
        using ClipWeights a = ClipWeights.Random(Tiny, 0), b = ClipWeights.Random(Tiny, 1);
        Assert.NotEqual(a.Hash, b.Hash);
        Assert.NotEqual(a.Floats("visual.transformer.resblocks.0.attn.in_proj_weight").ToArray(), a.Floats("visual.transformer.resblocks.1.attn.in_proj_weight").ToArray());
    }

    /// <summary>Integers that an implementation in another language gave for the sums of twelve 16-bit numbers, less their mean.</summary>
    [Fact]
    public void Numbers_are_those_of_splitmix64()
    {
        ulong key = CounterNormal.Key(0, "token_embedding.weight");
        Assert.Equal(0x7aac5718d8bfb6e7UL, key);
        float[] values = new float[5];
        CounterNormal.Fill(key, 0, 65536f, values);
        Assert.Equal([9462f, -14263f, -58252f, -60107f, -51706f], values);
        CounterNormal.Fill(key, 2371583, 65536f, values.AsSpan(0, 1));
        Assert.Equal(102376f, values[0]);
    }

    [Fact]
    public void Numbers_do_not_depend_on_where_reading_begins()
    {
        float[] whole = new float[1000], part = new float[300];
        ulong key = CounterNormal.Key(7, "x");
        CounterNormal.Fill(key, 0, 1f, whole);
        CounterNormal.Fill(key, 613, 1f, part);
        Assert.Equal(whole[613..913], part);
        // One at a time takes the path without vectors.
        for (int i = 0; i < whole.Length; i++)
        {
            CounterNormal.Fill(key, i, 1f, part.AsSpan(0, 1));
            Assert.Equal(whole[i], part[0]);
        }
    }

    [Fact]
    public void Numbers_are_standard_normal()
    {
        const int N = 1 << 20;
        float[] values = new float[N];
        CounterNormal.Fill(CounterNormal.Key(3, "y"), 0, 1f, values);
        double mean = values.Average(v => (double)v), variance = values.Average(v => (v - mean) * (v - mean));
        double kurtosis = values.Average(v => Math.Pow(v - mean, 4)) / (variance * variance), correlation = 0;
        for (int i = 1; i < N; i++)
            correlation += (double)values[i] * values[i - 1] / N;
        // Five standard errors of each.
        Assert.InRange(mean, -5.0 / 1024, 5.0 / 1024);
        Assert.InRange(variance, 1 - 0.007, 1 + 0.007);
        Assert.InRange(kurtosis, 2.9 - 0.024, 2.9 + 0.024);
        Assert.InRange(correlation, -5.0 / 1024, 5.0 / 1024);
        Assert.InRange(values.Count(v => Math.Abs(v) > 2) / (double)N, 0.0455 - 0.002, 0.0455 + 0.002);
    }

    [Theory]
    [InlineData("visual.conv1.weight", 1.0 / 24)]
    [InlineData("visual.transformer.resblocks.1.attn.in_proj_weight", 1.0 / 8)]
    [InlineData("visual.transformer.resblocks.1.mlp.c_fc.weight", 0.0883883)]
    [InlineData("visual.transformer.resblocks.1.mlp.c_proj.weight", 0.0510310)]
    [InlineData("visual.transformer.resblocks.1.attn.out_proj.weight", 0.0510310)]
    [InlineData("token_embedding.weight", 0.02)]
    [InlineData("positional_embedding", 0.01)]
    [InlineData("transformer.resblocks.2.attn.in_proj_weight", 0.1443376)]
    [InlineData("text_projection", 0.1443376)]
    public void Deviations_are_those_of_clip(string name, double deviation)
    {
        using ClipWeights weights = ClipWeights.Random(Tiny, 5);
        float[] values = weights.Floats(name).ToArray();
        Assert.Equal(deviation, Math.Sqrt(values.Average(v => (double)v * v)), 5 * deviation / Math.Sqrt(2.0 * values.Length));
    }

    [Theory]
    [InlineData("visual.ln_pre.weight", 1f)]
    [InlineData("ln_final.weight", 1f)]
    [InlineData("transformer.resblocks.0.ln_2.weight", 1f)]
    [InlineData("transformer.resblocks.0.ln_2.bias", 0f)]
    [InlineData("transformer.resblocks.0.attn.in_proj_bias", 0f)]
    [InlineData("transformer.resblocks.0.mlp.c_fc.bias", 0f)]
    [InlineData("logit_scale", 2.65926f)]
    public void Norms_biases_and_scale_are_constant(string name, float value)
    {
        using ClipWeights weights = ClipWeights.Random(Tiny, 5);
        Assert.All(weights.Floats(name).ToArray(), v => Assert.Equal(value, v));
    }

    [Fact]
    public void Half_precision_halves_the_file_and_keeps_the_configuration()
    {
        using TemporaryFolder folder = new();
        ClipWeightsInit.Create(Tiny, 0, folder["a"]);
        ClipWeightsInit.Create(Tiny, 0, folder["b"], SafetensorsType.F16);
        Assert.InRange(new FileInfo(folder["b"]).Length, new FileInfo(folder["a"]).Length / 2, new FileInfo(folder["a"]).Length / 2 + 20_000);
        using ClipWeights half = ClipWeights.Load(folder["b"]);
        Assert.Equal(Tiny, half.Config);
        Assert.Throws<ArgumentException>(() => ClipWeightsInit.Create(Tiny, 0, folder["c"], SafetensorsType.I64));
    }

    [Fact]
    public void Cancelling_leaves_nothing()
    {
        using TemporaryFolder folder = new();
        using CancellationTokenSource source = new();
        Assert.Throws<OperationCanceledException>(() => ClipWeightsInit.Create(Tiny, 0, folder["a"], progress: new CancelAt(source, 0.5), cancellationToken: source.Token));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    private sealed class CancelAt(CancellationTokenSource source, double fraction) : IProgress<double>
    {
        public void Report(double value)
        {
            if (value > fraction)
                source.Cancel();
        }
    }
}
