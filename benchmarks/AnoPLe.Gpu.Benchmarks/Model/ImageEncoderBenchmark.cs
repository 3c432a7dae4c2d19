using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Benchmarks.Ops;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Model;

/// <summary>The whole image tower of ViT-B/16+ 240 with seeded random weights: images in the host's memory to features there.</summary>
[Config(typeof(SteadyConfig))]
public class ImageEncoderBenchmark : IMeasuredWork
{
    private Backend backend = null!;
    private VisionEncoder encoder = null!;
    private VisionActivations activations = null!;
    private float[] images = [], features = [];

    public static IEnumerable<string> Devices => BenchmarkDevices.WithPrecisions;

    [ParamsSource(nameof(Devices))]
    public string Device { get; set; } = "cpu";

    [Params(1, 8)]
    public int Batch { get; set; }

    /// <summary>Also compute the patch tokens, which anomaly maps need: the last block then works on every row.</summary>
    [Params(false, true)]
    public bool PatchTokens { get; set; }

    public Work Work => new(Batch, "image");

    [GlobalSetup]
    public void Setup()
    {
        backend = BenchmarkDevices.Open(Device);
        using (var weights = ClipWeights.Random(ClipConfig.Known["vit-b-16-plus-240"], seed: 0))
            encoder = new VisionEncoder(weights, backend);
        activations = encoder.CreateActivations(new VisionRequest(Batch) { PatchTokens = PatchTokens });
        images = OperationBenchmark.Random(activations.Images.Count);
        features = new float[activations.ClassFeature!.Count];
        Encode();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        activations.Dispose();
        encoder.Dispose();
        backend.Dispose();
    }

    [Benchmark]
    public void Encode()
    {
        backend.Write(activations.Images, images);
        encoder.Forward(activations, PromptInjection.None);
        backend.Read(activations.ClassFeature!, features);
    }
}
