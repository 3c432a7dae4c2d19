using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Scoring;

public sealed class AnomalyDetectorTests(DetectorFixture fixture) : IClassFixture<DetectorFixture>
{
    [Fact]
    public void A_defect_scores_higher_than_unseen_normal_images_and_is_located()
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(4));
        float worstNormal = Enumerable.Range(10, 5).Max(seed => detector.Score(DetectorFixture.Normal(seed)).Score);
        var result = detector.Score(DetectorFixture.Defective(20, x: 40, y: 8));

        Assert.True(result.Score > worstNormal, $"{result.Score} against {worstNormal}");
        // The square covers x 40-55 and y 8-23 of 64; the map has 32 pixels a side and one patch is a quarter of it.
        var (x, y) = result.Map.Peak;
        Assert.InRange(x, 16, 31);
        Assert.InRange(y, 0, 15);
        Assert.InRange(result.TextScore, 0, 1);
        Assert.Equal(result.Map.Max, result.Score);
    }

    [Fact]
    public void The_threshold_separates_and_a_given_one_is_obeyed()
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(4));
        Assert.Equal("normal images", detector.Calibration.Source);
        Assert.Equal(4, detector.Calibration.NormalScores.Count);
        Assert.Equal(Decision.Normal, detector.Score(DetectorFixture.Normal(10)).Decision);
        Assert.Equal(Decision.Anomalous, detector.Score(DetectorFixture.Defective(20, 40, 8)).Decision);

        using var never = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(2), new FitOptions { Threshold = 5 });
        Assert.Equal(Decision.Normal, never.Score(DetectorFixture.Defective(20, 40, 8)).Decision);
        Assert.Equal("given", never.Calibration.Source);
    }

    [Fact]
    public void One_image_is_enough_and_its_own_score_is_zero()
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(1));
        Assert.Equal(3, detector.Calibration.NormalScores.Count);
        Assert.True(detector.Calibration.Threshold > 0);
        Assert.InRange(detector.Score(DetectorFixture.Normal(0)).Score, 0, 1e-5);
    }

    [Fact]
    public void The_same_images_give_the_same_bits_alone_in_batches_and_after_a_new_fit()
    {
        RgbImage[] images = [.. Enumerable.Range(10, AnomalyDetector.BatchSize + 3).Select(i => DetectorFixture.Normal(i, size: 50 + i))];
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(3));
        using var again = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(3));
        var batch = detector.Score(images);
        Assert.Equal(images.Length, batch.Count);
        for (int i = 0; i < images.Length; i++)
        {
            AssertSame(batch[i], detector.Score(images[i]));
            AssertSame(batch[i], again.Score(images[i]));
        }
    }

    [Fact]
    public async Task Detectors_on_several_backends_scored_from_many_threads_give_the_results_of_one_alone()
    {
        RgbImage[] images = [.. Enumerable.Range(0, 4).Select(i => DetectorFixture.Defective(i, 10 * i, 40))];
        using var alone = Fit(fixture.Clip);
        float[] expected = [.. images.Select(image => alone.Score(image).Score)];
        Backend[] backends = [.. Enumerable.Range(1, 3).Select(threads => Backends.Open("cpu", threads))];
        ClipModel[] models = [.. backends.Select(backend => ClipModel.Create(ClipWeights.Random(ClipConfig.Find("tiny"), 1), backend))];
        // Two detectors share each backend and its model.
        AnomalyDetector[] detectors = [.. models.Concat(models).Select(Fit)];
        float[][] scores = await Task.WhenAll(Enumerable.Range(0, 2 * detectors.Length).Select(i => Task.Run(
            () => images.Select(image => detectors[i % detectors.Length].Score(image).Score).ToArray(), TestContext.Current.CancellationToken)));
        Assert.All(scores, found => Assert.Equal(expected, found));
        foreach (IDisposable thing in detectors.Concat<IDisposable>(models).Concat(backends))
            thing.Dispose();

        static AnomalyDetector Fit(ClipModel clip) => AnomalyDetector.Fit(clip, "part", DetectorFixture.Shots(2));
    }

    [Fact]
    public async Task Scoring_from_many_threads_gives_the_same_results_as_from_one()
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(2));
        RgbImage[] images = [.. Enumerable.Range(10, 16).Select(i => DetectorFixture.Normal(i))];
        var expected = images.Select(detector.Score).ToArray();
        var actual = await Task.WhenAll(images.Select(image => Task.Run(() => detector.Score(image))));
        for (int i = 0; i < images.Length; i++)
            AssertSame(expected[i], actual[i]);
    }

    [Fact]
    public async Task Detectors_of_two_models_on_one_backend_work_at_the_same_time()
    {
        using var other = fixture.Model(seed: 3);
        using var first = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(2));
        using var second = AnomalyDetector.Fit(other, "part", DetectorFixture.Shots(2));
        var image = DetectorFixture.Normal(10);
        AnomalyResult a = first.Score(image), b = second.Score(image);
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => (i % 2 == 0 ? first : second).Score(image))));
        for (int i = 0; i < results.Length; i++)
            AssertSame(i % 2 == 0 ? a : b, results[i]);
    }

    [Fact]
    public async Task A_stream_is_scored_in_order_and_can_be_cancelled()
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(2));
        RgbImage[] images = [.. Enumerable.Range(10, 4).Select(i => DetectorFixture.Normal(i))];
        int count = 0;
        await foreach (var result in detector.ScoreAsync(images.ToAsyncEnumerable(), TestContext.Current.CancellationToken))
            AssertSame(detector.Score(images[count++]), result);
        Assert.Equal(images.Length, count);

        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in detector.ScoreAsync(images.ToAsyncEnumerable(), cancellation.Token))
                await cancellation.CancelAsync();
        });
    }

    [Fact]
    public void Progress_is_told_of_every_image_and_cancellation_stops()
    {
        using var cancellation = new CancellationTokenSource();
        List<WorkProgress> seen = [];
        var progress = new Immediate(p =>
        {
            seen.Add(p);
            if (p is { Stage: "encoding normal images", Done: 2 })
                cancellation.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() =>
            AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(4), progress: progress, cancellation: cancellation.Token));
        Assert.Equal(2, seen[^1].Done);
        Assert.Equal(4, seen[^1].Total);
    }

    [Fact]
    public void Bad_arguments_say_what_to_do()
    {
        var shots = DetectorFixture.Shots(1);
        Assert.Contains("No normal images", Message(() => AnomalyDetector.Fit(fixture.Clip, "part", Array.Empty<RgbImage>())), StringComparison.Ordinal);
        Assert.Contains("class name is empty", Message(() => AnomalyDetector.Fit(fixture.Clip, " _ ", shots)), StringComparison.Ordinal);
        Assert.Contains("77", Message(() => AnomalyDetector.Fit(fixture.Clip, string.Join(" ", Enumerable.Repeat("a", 80)), shots)), StringComparison.Ordinal);
        Assert.Contains("1 to 3", Message(() => AnomalyDetector.Fit(fixture.Clip, "part", shots, new FitOptions { MemoryLayers = [4] })), StringComparison.Ordinal);
        Assert.Contains("different blocks", Message(() => AnomalyDetector.Fit(fixture.Clip, "part", shots, new FitOptions { MemoryLayers = [2, 2] })), StringComparison.Ordinal);
        Assert.Contains("SmoothSigma", Message(() => AnomalyDetector.Fit(fixture.Clip, "part", shots, new FitOptions { SmoothSigma = 0 })), StringComparison.Ordinal);
        Assert.Contains("Threshold", Message(() => AnomalyDetector.Fit(fixture.Clip, "part", shots, new FitOptions { Threshold = float.NaN })), StringComparison.Ordinal);
    }

    [Theory, InlineData(1, 1), InlineData(16, 16), InlineData(1, 500), InlineData(6000, 4000)]
    public void Images_of_any_size_are_scored(int width, int height)
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(1));
        var result = detector.Score(new RgbImage(width, height, new byte[3 * width * height]));
        Assert.Equal((32, 32), (result.Map.Width, result.Map.Height));
        Assert.Equal((width, height), (result.Map.Resize(width, height).Width, result.Map.Resize(width, height).Height));
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static void AssertSame(AnomalyResult expected, AnomalyResult actual)
    {
        Assert.Equal(expected.Score, actual.Score);
        Assert.Equal(expected.TextScore, actual.TextScore);
        Assert.True(expected.Map.Values.SequenceEqual(actual.Map.Values), "The maps differ.");
    }

    private sealed class Immediate(Action<WorkProgress> report) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value) => report(value);
    }
}
