using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Scoring;

/// <summary>Detectors that are loaded before the hash of the weights is known.</summary>
public sealed class DeferredWeightsCheckTests : IClassFixture<DetectorFixture>, IDisposable
{
    private readonly DetectorFixture fixture;
    private readonly TemporaryFolder folder = new();
    private readonly string path;

    public DeferredWeightsCheckTests(DetectorFixture fixture)
    {
        this.fixture = fixture;
        path = folder["part.anople"];
        using var detector = AnomalyDetector.Fit(fixture.Clip, "metal_nut", DetectorFixture.Shots(2));
        detector.Save(path);
    }

    [Fact]
    public void The_results_are_the_same_bits()
    {
        // A model whose hash nobody has asked for yet.
        using var fresh = fixture.Model(seed: 1);
        using AnomalyDetector early = AnomalyDetector.Load(path, fresh, deferWeightsCheck: true), late = AnomalyDetector.Load(path, fixture.Clip);
        var image = DetectorFixture.Defective(20, 40, 8);
        AnomalyResult a = early.Score(image), b = late.Score(image), again = early.Score(image);
        Assert.Equal(b.Score, a.Score);
        Assert.Equal(b.TextScore, a.TextScore);
        Assert.True(b.Map.Values.SequenceEqual(a.Map.Values));
        Assert.Equal(a.Score, again.Score);
    }

    [Fact]
    public void No_result_of_other_weights_is_handed_out()
    {
        using var other = fixture.Model(seed: 2);
        using var detector = AnomalyDetector.Load(path, other, deferWeightsCheck: true);
        Assert.Equal("metal nut", detector.ClassName);
        string expected = Assert.Throws<InvalidDataException>(() => AnomalyDetector.Load(path, other)).Message;
        Assert.Contains("other CLIP weights", expected, StringComparison.Ordinal);
        // Not the first time and not later.
        for (int i = 0; i < 2; i++)
            Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => detector.Score(DetectorFixture.Normal(3))).Message);
        Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => detector.Score(DetectorFixture.Shots(3), "metal_nut")).Message);
        Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => detector.Trace(DetectorFixture.Normal(3), folder["trace.safetensors"])).Message);
        Assert.False(File.Exists(folder["trace.safetensors"]));
    }

    [Fact]
    public void Weights_of_other_sizes_are_other_weights_first_of_all()
    {
        using var backend = Backends.Open("cpu", threads: 1);
        using var other = ClipModel.Create(ClipWeights.Random(ClipConfig.Find("nano"), 1), backend);
        string expected = Assert.Throws<InvalidDataException>(() => AnomalyDetector.Load(path, other)).Message;
        Assert.Equal(expected, Assert.Throws<InvalidDataException>(() => AnomalyDetector.Load(path, other, deferWeightsCheck: true)).Message);
    }

    [Fact]
    public void Many_threads_may_score_first()
    {
        using AnomalyDetector late = AnomalyDetector.Load(path, fixture.Clip);
        float expected = late.Score(DetectorFixture.Normal(9)).Score;
        using var fresh = fixture.Model(seed: 1);
        using var early = AnomalyDetector.Load(path, fresh, deferWeightsCheck: true);
        float[] scores = new float[6];
        Parallel.For(0, scores.Length, i => scores[i] = early.Score(DetectorFixture.Normal(9)).Score);
        Assert.All(scores, score => Assert.Equal(expected, score));
    }

    public void Dispose() => folder.Dispose();
}
