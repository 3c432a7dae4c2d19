using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Tests.Scoring;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class TrainerTests(DetectorFixture fixture) : IClassFixture<DetectorFixture>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    /// <summary>A few fast steps.</summary>
    public static TrainingOptions Quick { get; } = new() { Epochs = 2, MinSteps = 4, Hidden = 16, TextTokens = 2, VisualTokens = 2, Views = 5, Seed = 3 };

    public static TheoryData<string> Ablations => [.. Variants.Keys];

    /// <summary>The method and its ablations.</summary>
    internal static Dictionary<string, TrainingOptions> Variants { get; } = new()
    {
        ["full method"] = Quick,
        ["text only"] = Quick with { Mode = PromptMode.TextOnly },
        ["visual only"] = Quick with { Mode = PromptMode.VisualOnly },
        ["text to visual"] = Quick with { Mode = PromptMode.TextToVisual },
        ["visual to text"] = Quick with { Mode = PromptMode.VisualToText },
        ["no alignment loss"] = Quick with { AlignmentWeight = 0 },
        ["detached alignment"] = Quick with { DetachAlignment = true },
        ["single view"] = Quick with { Views = 1 },
        ["no view signal"] = Quick with { ViewMode = ViewMode.None },
        ["view signal in the encoder"] = Quick with { ViewMode = ViewMode.Encoder },
        ["text only, view signal in the encoder"] = Quick with { Mode = PromptMode.TextOnly, ViewMode = ViewMode.Encoder },
        ["no memory bank"] = Quick with { UseMemoryBank = false },
    };

    [Theory, MemberData(nameof(Ablations))]
    public void Every_variant_trains_scores_and_survives_its_file(string variant)
    {
        var options = Variants[variant];
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(2), options);
        Assert.Equal(options, detector.TrainingOptions);
        Assert.Equal(4, detector.TrainingSteps);
        Assert.Equal(4, detector.EpochLosses.Count);
        Assert.All(detector.EpochLosses, loss => Assert.True(loss.AreFinite));
        Assert.Equal(options.UseMemoryBank ? 2 : 0, detector.MemoryLayers.Count);

        string path = Path.Combine(folder.Path, "part.anople");
        detector.Save(path);
        using var loaded = AnomalyDetector.Load(path, fixture.Clip);
        var image = DetectorFixture.Defective(20, 40, 8);
        AnomalyResult expected = detector.Score(image), actual = loaded.Score(image);
        Assert.InRange(expected.Score, float.Epsilon, 1);
        AssertSame(expected, actual);
        Assert.Equal(detector.TrainingOptions, loaded.TrainingOptions);
        Assert.Equal(detector.EpochLosses, loaded.EpochLosses);
        Assert.Equal(detector.Shots, loaded.Shots);
        Assert.Equal(detector.Calibration.Threshold, loaded.Calibration.Threshold);
    }

    [Fact]
    public void Variants_differ_from_each_other()
    {
        var image = DetectorFixture.Defective(20, 40, 8);
        float[] scores = [.. Variants.Values.Select(options =>
        {
            using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(2), options);
            return detector.Score(image).Score;
        })];
        Assert.Equal(scores.Length, scores.Distinct().Count());
    }

    [Fact]
    public void Training_lowers_the_loss_and_the_decoder_finds_a_defect()
    {
        var options = Quick with { Epochs = 150, MinSteps = 0, Hidden = 32, UseMemoryBank = false, LearningRate = 3e-3 };
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(4), options);
        double first = detector.EpochLosses.Take(10).Average(l => l.Total), last = detector.EpochLosses.TakeLast(10).Average(l => l.Total);
        Assert.True(last < 0.9 * first, $"{first} became {last}");
        var map = detector.Score(DetectorFixture.Defective(20, x: 40, y: 8)).Map;
        // The square covers x 20-27 and y 4-11 of the map.
        float inside = map.Values[6 * map.Width + 24], elsewhere = map.Values[26 * map.Width + 8];
        Assert.True(inside > elsewhere, $"{inside} in the defect, {elsewhere} on a normal part");
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_another_seed_others()
    {
        byte[] a = Trained(Quick), b = Trained(Quick), c = Trained(Quick with { Seed = 4 });
        Assert.True(a.AsSpan().SequenceEqual(b), "The same training gave two files.");
        Assert.False(a.AsSpan().SequenceEqual(c), "Another seed gave the same file.");
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void An_interrupted_training_ends_with_the_same_bits(int steps)
    {
        byte[] whole = Trained(Quick with { MinSteps = 6 });
        var checkpoint = new TrainingCheckpoint(Path.Combine(folder.Path, "t.checkpoint")) { EverySteps = 2 };
        using var cancellation = new CancellationTokenSource();
        var progress = new Immediate(p =>
        {
            if (p.Stage == "training" && p.Done == steps)
                cancellation.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(2), Quick with { MinSteps = 6 },
            progress, checkpoint, cancellation.Token));
        List<int> seen = [];
        byte[] resumed = Trained(Quick with { MinSteps = 6 }, checkpoint, new Immediate(p =>
        {
            if (p.Stage == "training")
                seen.Add(p.Done);
        }));
        Assert.Equal(Enumerable.Range(steps + 1, 6 - steps), seen);
        Assert.True(whole.AsSpan().SequenceEqual(resumed), "The resumed training ended elsewhere.");
    }

    [Fact]
    public void A_checkpoint_of_another_training_is_refused_and_left_alone()
    {
        var checkpoint = new TrainingCheckpoint(Path.Combine(folder.Path, "t.checkpoint"));
        Trained(Quick, checkpoint);
        byte[] before = File.ReadAllBytes(checkpoint.Path);
        Assert.Contains("options", Refused(() => Trained(Quick with { Seed = 9 }, checkpoint)), StringComparison.Ordinal);
        Assert.Contains("shots", Refused(() => AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(3), Quick, null, checkpoint)), StringComparison.Ordinal);
        Assert.Contains("class_names", Refused(() => AnomalyDetector.Train(fixture.Clip, "other", DetectorFixture.Shots(2), Quick, null, checkpoint)), StringComparison.Ordinal);
        using var other = fixture.Model(seed: 7);
        Assert.Contains("weights_sha256", Refused(() => AnomalyDetector.Train(other, "part", DetectorFixture.Shots(2), Quick, null, checkpoint)), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(checkpoint.Path));
        File.WriteAllBytes(checkpoint.Path, before[..(before.Length / 2)]);
        Assert.Contains("t.checkpoint", Refused(() => Trained(Quick, checkpoint)), StringComparison.Ordinal);
    }

    [Fact]
    public void No_epochs_train_nothing_and_still_give_a_detector()
    {
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(1), Quick with { Epochs = 0 });
        Assert.Equal(0, detector.TrainingSteps);
        Assert.Empty(detector.EpochLosses);
        Assert.InRange(detector.Score(DetectorFixture.Defective(20, 40, 8)).Score, 0, 1);
    }

    [Theory, InlineData(1, 1), InlineData(16, 16), InlineData(6000, 4000)]
    public void Images_of_any_size_are_trained_on(int width, int height)
    {
        var image = new RgbImage(width, height, new byte[3 * width * height]);
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", [image], Quick with { MinSteps = 2 });
        Assert.True(float.IsFinite(detector.Score(image).Score));
    }

    [Fact]
    public void More_images_than_a_batch_are_visited_once_a_pass()
    {
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(5), Quick with { Batch = 2, Epochs = 2, MinSteps = 0 });
        Assert.Equal(6, detector.TrainingSteps);
        Assert.Equal(2, detector.EpochLosses.Count);
    }

    [Fact]
    public void Several_classes_share_a_detector_and_each_has_its_own_memory_and_threshold()
    {
        ClassImages[] classes = [ClassImages.Of("part", DetectorFixture.Shots(2)), ClassImages.Of("metal_nut", [DetectorFixture.Defective(1, 8, 30), DetectorFixture.Defective(2, 8, 30)])];
        using var detector = AnomalyDetector.Train(fixture.Clip, classes, Quick);
        Assert.Equal(["part", "metal nut"], detector.ClassNames);
        var image = DetectorFixture.Defective(20, 8, 30);
        AnomalyResult asPart = detector.Score(image, "part"), asNut = detector.Score(image, "metal_nut");
        Assert.True(asPart.Map.Max > asNut.Map.Max, $"{asPart.Map.Max} as a part, {asNut.Map.Max} as what it is");
        Assert.Contains("part, metal nut", Assert.Throws<ArgumentException>(() => detector.Score(image)).Message, StringComparison.Ordinal);
        Assert.Contains("'screw'", Assert.Throws<ArgumentException>(() => detector.Score(image, "screw")).Message, StringComparison.Ordinal);

        string path = Path.Combine(folder.Path, "two.anople");
        detector.Save(path);
        using var loaded = AnomalyDetector.Load(path, fixture.Clip);
        AssertSame(asNut, loaded.Score(image, "metal nut"));
        Assert.Equal(detector.CalibrationOf("metal nut").Threshold, loaded.CalibrationOf("metal nut").Threshold);
        Assert.Contains("named 'part'", Assert.Throws<ArgumentException>(() => AnomalyDetector.Train(fixture.Clip, [classes[0], classes[0]], Quick)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_diverging_training_stops_and_says_where()
    {
        var stopped = Assert.Throws<TrainingDivergedException>(() =>
            AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(1), Quick with { LearningRate = 1e30, MinSteps = 50 }));
        Assert.InRange(stopped.Step, 2, 50);
        Assert.Contains("lower learning rate", stopped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        (TrainingOptions Options, string Name)[] bad =
        [
            (Quick with { Views = 3 }, "Views"), (Quick with { Depth = 0 }, "Depth"), (Quick with { TextTokens = 0 }, "TextTokens"), (Quick with { Hidden = 0 }, "Hidden"),
            (Quick with { Epochs = -1 }, "Epochs"), (Quick with { Batch = 0 }, "Batch"), (Quick with { LearningRate = double.NaN }, "LearningRate"),
            (Quick with { PixelTemperature = 0 }, "PixelTemperature"), (Quick with { Beta1 = 1 }, "Beta1"), (Quick with { LeastOpacity = 0.9f, GreatestOpacity = 0.5f }, "opacity"),
            (Quick with { MemoryLayers = [9] }, "Memory layer 9"), (Quick with { SmoothSigma = -1 }, "SmoothSigma"), (Quick with { Mode = (PromptMode)9 }, "modes"),
        ];
        foreach (var (options, name) in bad)
            Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(() => AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(1), options)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(Path.Combine(folder.Path, "empty"));
        Assert.ThrowsAny<ArgumentException>(() => AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(1), Quick with { TextureFolder = Path.Combine(folder.Path, "empty") }));
        // 60 words fit the context of 77 alone, but not behind 4 prompt tokens and "abnormal".
        Assert.Contains("prompt tokens", Assert.ThrowsAny<ArgumentException>(() =>
            AnomalyDetector.Train(fixture.Clip, string.Join(' ', Enumerable.Repeat("a", 73)), DetectorFixture.Shots(1), Quick)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_tells_of_every_step_with_its_losses()
    {
        List<WorkProgress> seen = [];
        Trained(Quick, progress: new Immediate(seen.Add));
        var steps = seen.Where(p => p.Stage == "training").ToList();
        Assert.Equal([1, 2, 3, 4], steps.Select(p => p.Done));
        Assert.All(steps, p => Assert.True(p.Total == 4 && p.Losses is { AreFinite: true }));
        Assert.Equal("calibrating", seen[^1].Stage);
    }

    private byte[] Trained(TrainingOptions options, TrainingCheckpoint? checkpoint = null, IProgress<WorkProgress>? progress = null)
    {
        string path = Path.Combine(folder.Path, "trained.anople");
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(2), options, progress, checkpoint);
        detector.Save(path);
        return File.ReadAllBytes(path);
    }

    private static string Refused(Action action) => Assert.Throws<InvalidDataException>(action).Message;

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

    public void Dispose() => folder.Dispose();
}
