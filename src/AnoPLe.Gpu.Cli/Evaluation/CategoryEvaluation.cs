using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>Fits detectors on normal images of one category and measures them on its test images.</summary>
/// <param name="clip">The model.</param>
/// <param name="category">The category.</param>
/// <param name="broken">Is told of test images that cannot be read.</param>
internal sealed class CategoryEvaluation(ClipModel clip, DatasetCategory category, Action<SkippedImage> broken)
{
    /// <summary>One run per number of shots and seed, in that order. Test images are read once for all of them.</summary>
    /// <param name="shots">Numbers of normal images to fit on.</param>
    /// <param name="seeds">Seeds that draw them.</param>
    /// <param name="heatMaps">Folder for the panels of the first seed with the most shots, or null.</param>
    /// <param name="progress">Is told of every image.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="InvalidDataException">Fewer normal images than shots, or no test images.</exception>
    public IReadOnlyList<EvalRun> Run(IReadOnlyList<int> shots, IReadOnlyList<int> seeds, string? heatMaps, IProgress<WorkProgress>? progress,
        CancellationToken cancellation)
    {
        if (category.Test.Count == 0)
            throw new InvalidDataException($"{category.Folder}: has no test images. Expected them in test/good and test/DEFECT.");
        if (category.Train.Count < shots.Max())
            throw new InvalidDataException($"{category.Folder}: has {category.Train.Count} normal images to fit on, {shots.Max()} shots were asked for. Ask for fewer with --shots.");
        List<Collector> collectors = [];
        try
        {
            foreach (int k in shots)
                foreach (int seed in seeds)
                {
                    progress?.Report(new($"{category.Name}: fitting", collectors.Count, shots.Count * seeds.Count));
                    collectors.Add(Fit(k, seed, cancellation));
                }
            HeatMapFolder? panels = null;
            Collector shown = collectors.First(collector => collector.Shots == shots.Max());
            if (heatMaps is not null)
                panels = new HeatMapFolder(heatMaps, shown.Detector.Calibration);
            int done = 0;
            foreach (var batch in TestImages.Batches(category.Test, broken, cancellation))
            {
                foreach (var collector in collectors)
                {
                    cancellation.ThrowIfCancellationRequested();
                    collector.Add(batch, ReferenceEquals(collector, shown) ? panels : null);
                }
                progress?.Report(new($"{category.Name}: scoring", done += batch.Count, category.Test.Count));
            }
            return [.. collectors.Select(collector => collector.Result())];
        }
        finally
        {
            foreach (var collector in collectors)
                collector.Detector.Dispose();
        }
    }

    private Collector Fit(int shots, int seed, CancellationToken cancellation)
    {
        Dictionary<string, string> paths = category.Train.ToDictionary(item => item.Name, item => item.Path);
        IReadOnlyList<string> names = ShotSelector.Choose(paths.Keys, shots, seed);
        var detector = AnomalyDetector.Fit(clip, category.Name, [.. names.Select(name => paths[name])], cancellation: cancellation);
        return new Collector(category.Name, shots, seed, names, detector);
    }

    // What one detector says of the test images, as they come.
    private sealed class Collector(string category, int shots, int seed, IReadOnlyList<string> names, AnomalyDetector detector)
    {
        private readonly List<ScoredImage> images = [];
        private readonly PixelMetrics pixels = new();

        public AnomalyDetector Detector => detector;

        public int Shots => shots;

        public void Add(IReadOnlyList<TestImage> batch, HeatMapFolder? panels)
        {
            var results = detector.Score([.. batch.Select(test => test.Image)]);
            foreach (var (test, result) in batch.Zip(results))
            {
                images.Add(new(test.Item.Name, test.Item.Label, test.Item.DefectType, result.Score, result.Decision, result.TextScore));
                if (test.Mask is { } mask)
                    pixels.Add(result.Map.Values, mask.IsDefective ? mask.Resize(result.Map.Width, result.Map.Height).Values : [], result.Map.Width, result.Map.Height);
                panels?.Write(test.Item.Name, test.Image, test.Mask, result.Map);
            }
        }

        public EvalRun Result()
        {
            ScoredImage[] labelled = [.. images.Where(image => image.Label != ImageLabel.Unknown)];
            bool[] anomalous = [.. labelled.Select(image => image.Label == ImageLabel.Anomalous)];
            return new EvalRun(category, shots, seed, [.. names.Zip(detector.Shots, (name, shot) => new FittedImage(name, shot.Sha256))],
                detector.Calibration,
                ImageMetrics.Compute([.. labelled.Select(image => image.Score)], anomalous),
                Auroc.Compute([.. labelled.Select(image => image.TextScore)], anomalous),
                pixels.Compute(), images);
        }
    }
}
