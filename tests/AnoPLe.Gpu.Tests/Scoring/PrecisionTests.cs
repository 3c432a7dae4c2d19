using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Scoring;

/// <summary>A detector whose linear layers compute in bf16 against the same in fp32.</summary>
public sealed class PrecisionTests
{
    // A warp's instruction is dozens of waits between threads on the simulator, so there are few of them: one slice of a product's sums, two tiles of keys at most.
    private static readonly ClipConfig Small = ClipConfig.Known["tiny"] with { VisionLayers = 2, VisionWidth = 32, VisionHeads = 2, TextLayers = 1 };

    [Theory]
    [InlineData("simulator/bf16")]
    [InlineData("cpu/bf16")]
    public void Scores_in_bf16_stay_within_a_hundredth(string device)
    {
        var (scores, maps, precision) = Score(device);
        var (expected, expectedMaps, fp32) = Score("cpu");
        Assert.Contains("bf16", precision, StringComparison.Ordinal);
        Assert.Equal("fp32", fp32);
        Assert.NotEqual(expected, scores); // it did compute otherwise
        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(expected[i], scores[i], 1e-2);
        for (int i = 0; i < maps.Length; i++)
            Assert.Equal(expectedMaps[i], maps[i], 1e-2);
    }

    /// <summary>Between a block's operations tensors hold 16 bits there; whoever looks at them sees floats.</summary>
    [Fact]
    public void Activations_can_be_read_in_bf16()
    {
        var (rounded, types) = Activations("simulator/bf16");
        var (exact, _) = Activations("cpu");
        Assert.Equal(ElementType.Half, types["vis.L0.qkv"]);
        Assert.Equal(ElementType.F32, types["vis.L0.mid"]);
        Assert.Equal(exact.Keys, rounded.Keys);
        foreach (var (name, values) in exact)
        {
            double error = Math.Sqrt(values.Zip(rounded[name], (a, b) => Math.Pow(a - b, 2)).Sum() / values.Sum(a => (double)a * a));
            Assert.True(error < 2e-2, $"{name} is off by {error:e1} of its norm.");
        }
    }

    private static (Dictionary<string, float[]> Values, Dictionary<string, ElementType> Types) Activations(string device)
    {
        using Backend backend = Backends.Open(device, threads: 1);
        using ClipModel clip = ClipModel.Create(ClipWeights.Random(Small with { VisionLayers = 1 }, 1), backend);
        using var activations = clip.Vision.CreateActivations(new VisionRequest(1));
        backend.Write(activations.Images, clip.Preprocessing.Apply(DetectorFixture.Defective(20, 40, 8)));
        Dictionary<string, float[]> values = [];
        Dictionary<string, ElementType> types = [];
        clip.Vision.Forward(activations, PromptInjection.None, (name, tensor) =>
        {
            values[name] = backend.Download(tensor);
            types[name] = tensor.Type;
        });
        return (values, types);
    }

    [Fact]
    public void The_processor_refuses_fp16() => Assert.Contains("cpu/bf16", Assert.Throws<DeviceException>(() => Backends.Open("cpu/fp16")).Message, StringComparison.Ordinal);

    private static (float[] Scores, float[] Maps, string Precision) Score(string device)
    {
        using Backend backend = Backends.Open(device, threads: 1);
        using ClipModel clip = ClipModel.Create(ClipWeights.Random(Small, 1), backend);
        using var detector = AnomalyDetector.Fit(clip, "part", DetectorFixture.Shots(1));
        AnomalyResult[] results = [detector.Score(DetectorFixture.Defective(20, 40, 8))];
        return ([.. results.Select(result => result.Score)], [.. results.SelectMany(result => result.Map.Values.ToArray())], backend.Precision);
    }
}
