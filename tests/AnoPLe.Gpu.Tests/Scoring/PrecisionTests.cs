using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Scoring;

/// <summary>A detector whose linear layers compute in bf16 against the same in fp32.</summary>
public sealed class PrecisionTests
{
    // A warp's instruction is dozens of waits between threads on the simulator, so there are few of them.
    private static readonly ClipConfig Small = ClipConfig.Known["tiny"] with { VisionLayers = 2, TextLayers = 1 };

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
