using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>
/// Makes detectors from normal images of one category and measures them on its test images: those are read once, at the model's size, and
/// one detector is in memory at a time. The test images choose nothing: a training ends after its last step.
/// </summary>
/// <param name="clip">The model.</param>
/// <param name="category">The category.</param>
/// <param name="images">Its test images.</param>
internal sealed class CategoryEvaluation(ClipModel clip, DatasetCategory category, IReadOnlyList<TestImage> images)
{
    /// <summary>Throws unless there are test images and enough normal ones: before hours of work, not after.</summary>
    /// <exception cref="InvalidDataException">Fewer normal images than shots, or no test images.</exception>
    public static void Require(DatasetCategory category, int mostShots)
    {
        if (category.Test.Count == 0)
            throw new InvalidDataException($"{category.Folder}: has no test images. Expected them in test/good and test/DEFECT.");
        if (category.Train.Count < mostShots)
            throw new InvalidDataException($"{category.Folder}: has {category.Train.Count} normal images to fit on, {mostShots} shots were asked for. Ask for fewer with --shots.");
    }

    /// <summary>One detector, from drawing its shots to its metrics.</summary>
    /// <param name="method">How to make it.</param>
    /// <param name="shots">Normal images.</param>
    /// <param name="seed">Draws them and seeds the training.</param>
    /// <param name="heatMaps">Folder for a panel per test image, or null.</param>
    /// <param name="progress">Is told of every image and training step.</param>
    /// <param name="prefix">What comes before a stage's name.</param>
    /// <param name="cancellation">Stops between images and steps.</param>
    public EvalRun Run(EvalMethod method, int shots, int seed, string? heatMaps, IProgress<WorkProgress> progress, string prefix, CancellationToken cancellation)
    {
        Dictionary<string, string> paths = category.Train.ToDictionary(item => item.Name, item => item.Path);
        IReadOnlyList<string> names = ShotSelector.Choose(paths.Keys, shots, seed);
        ClassImages normal = ClassImages.Load(category.Name, [.. names.Select(name => paths[name])]);
        StepClock clock = new();
        progress = clock.Before(progress, prefix);
        using AnomalyDetector detector = method.Training is { } options
            ? AnomalyDetector.Train(clip, [normal], options with { Seed = (ulong)seed }, progress, cancellation: cancellation)
            : AnomalyDetector.Fit(clip, [normal], progress: progress, cancellation: cancellation);
        HeatMapFolder? panels = heatMaps is null ? null : new(heatMaps, detector.Calibration, method.Training is not null);
        var (scored, pixels) = Score(detector, panels, progress, cancellation);
        ScoredImage[] labelled = [.. scored.Where(image => image.Label != ImageLabel.Unknown)];
        bool[] anomalous = [.. labelled.Select(image => image.Label == ImageLabel.Anomalous)];
        return new EvalRun(category.Name, method.Name, shots, seed, [.. names.Zip(detector.Shots, (name, shot) => new FittedImage(name, shot.Sha256))],
            detector.Calibration,
            ImageMetrics.Compute([.. labelled.Select(image => image.Score)], anomalous),
            Auroc.Compute([.. labelled.Select(image => image.TextScore)], anomalous),
            pixels.Compute(), scored, detector.TrainingSteps, method.Training?.StepsPerEpoch(shots) ?? 0, clock.SecondsPerStep, LossJson.Of(detector.EpochLosses));
    }

    private (List<ScoredImage> Scored, PixelMetrics Pixels) Score(AnomalyDetector detector, HeatMapFolder? panels, IProgress<WorkProgress> progress,
        CancellationToken cancellation)
    {
        List<ScoredImage> scored = [];
        PixelMetrics pixels = new();
        foreach (TestImage[] batch in images.Chunk(AnomalyDetector.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            var results = detector.Score([.. batch.Select(test => test.Image)], cancellation);
            foreach (var (test, result) in batch.Zip(results))
            {
                scored.Add(new(test.Item.Name, test.Item.Label, test.Item.DefectType, result.Score, result.Decision, result.TextScore));
                if (test.Mask is { } mask)
                    pixels.Add(result.Map.Values, mask.Values, result.Map.Width, result.Map.Height);
                panels?.Write(test.Item.Name, test.Image, test.Mask, result.Map);
            }
            progress.Report(new("scoring", scored.Count, images.Count));
        }
        return (scored, pixels);
    }
}
