using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights;

/// <summary>The hash that another thread computes meanwhile.</summary>
public sealed class WeightsHashTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData("openai")]
    [InlineData("huggingface")]
    public void It_is_the_same_begun_early_or_asked_for(string scheme)
    {
        NamingSamples.Write(folder["m.safetensors"], Parts(scheme, Config), metadata: Metadata);
        using ClipWeights expected = ClipWeights.Random(Config, 1), begun = ClipWeights.Load(folder["m.safetensors"]);
        begun.BeginHash();
        begun.BeginHash();
        Assert.Equal(expected.Hash, begun.Hash);
        begun.BeginHash();
        Assert.Equal(expected.Hash, begun.Hash);
    }

    [Fact]
    public void Many_threads_may_begin_it_and_ask_for_it()
    {
        ClipWeightsInit.Create(ClipConfig.Find("nano"), 3, folder["m.safetensors"]);
        using ClipWeights expected = ClipWeights.Random(ClipConfig.Find("nano"), 3), weights = ClipWeights.Load(folder["m.safetensors"]);
        string[] hashes = new string[8];
        Thread[] threads = [.. Enumerable.Range(0, hashes.Length).Select(i => new Thread(() =>
        {
            if (i % 2 == 0)
                weights.BeginHash();
            hashes[i] = weights.Hash;
        }))];
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        Assert.All(hashes, hash => Assert.Equal(expected.Hash, hash));
    }

    [Theory]
    [InlineData("text_projection")]
    [InlineData("token_embedding.weight")]
    [InlineData("logit_scale")]
    public void It_is_not_the_hash_of_NaN(string name)
    {
        List<Part> parts = Parts("openai", Config);
        parts.Single(part => part.Name == name).Values[0] = float.NaN;
        NamingSamples.Write(folder["m.safetensors"], parts);
        using ClipWeights weights = ClipWeights.Load(folder["m.safetensors"], Config);
        weights.BeginHash();
        // The same error however often it is asked for, and none on the thread that met it.
        for (int i = 0; i < 2; i++)
            Assert.Contains($"'{name}' holds NaN", Assert.Throws<InvalidDataException>(() => weights.Hash).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Disposing_stops_it()
    {
        ClipWeightsInit.Create(ClipConfig.Find("tiny"), 0, folder["m.safetensors"]);
        for (int i = 0; i < 20; i++)
        {
            ClipWeights weights = ClipWeights.Load(folder["m.safetensors"]);
            weights.BeginHash();
            if (i % 2 == 1)
                Thread.Sleep(1);
            weights.Dispose();
            Assert.Throws<ObjectDisposedException>(weights.BeginHash);
        }
        // No mapping is left behind, on systems that would refuse this then.
        File.Delete(folder["m.safetensors"]);
    }

    public void Dispose() => folder.Dispose();
}
