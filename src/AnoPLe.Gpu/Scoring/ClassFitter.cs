using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// Fills the memory of one class with its normal images as the detector will see them (prompts present), and derives the threshold from
/// normal images that the memory has not seen.
/// </summary>
internal sealed class ClassFitter(InferenceModel model, ScoringPass pass, float? threshold)
{
    // At most this many normal images are held out in turn: more would cost time and say little more.
    private const int MostHeldOut = 16;

    /// <summary>Encodes the images and calibrates.</summary>
    /// <param name="name">The product.</param>
    /// <param name="k">Its class.</param>
    /// <param name="images">Its normal images.</param>
    /// <param name="shots">What is recorded of them.</param>
    /// <param name="encoded">Is told after every image how many there are.</param>
    /// <param name="cancellation">Stops between images.</param>
    public ClassState Fit(string name, int k, IReadOnlyList<RgbImage> images, IReadOnlyList<Shot> shots, Action<int> encoded, CancellationToken cancellation)
    {
        List<float[][]> unit = [];
        if (model.Layers.Count > 0)
            foreach (var image in images)
            {
                cancellation.ThrowIfCancellationRequested();
                pass.Encode([image]);
                unit.Add(pass.DownloadFeatures());
                encoded(unit.Count);
            }
        float[][] rows = Rows(unit, except: -1);
        if (rows.Any(layer => layer.Any(value => !float.IsFinite(value))))
            throw new InvalidDataException("The features are not finite numbers: the weights hold NaN or infinity. Check them with 'anople weights inspect'.");
        return new ClassState(name, rows, threshold is { } given ? Calibration.Given(given) : Calibrate(k, images, unit, cancellation), shots);
    }

    // For every memory layer the rows of all images, but for one that is held out.
    private float[][] Rows(IReadOnlyList<float[][]> unit, int except) =>
        [.. model.Layers.Select((_, l) => unit.Where((_, i) => i != except).SelectMany(shot => shot[l]).ToArray())];

    private Calibration Calibrate(int k, IReadOnlyList<RgbImage> images, IReadOnlyList<float[][]> unit, CancellationToken cancellation)
    {
        List<float> scores = [];
        if (images.Count > 1)
        {
            int step = (images.Count + MostHeldOut - 1) / MostHeldOut;
            for (int held = 0; held < images.Count; held += step)
                scores.Add(ScoreAgainst(Rows(unit, held), images[held]));
            return Calibration.FromNormal(scores);
        }
        // One image cannot be held out. Shifted by half a patch, all its patches are new and all of them normal.
        var resized = model.Clip.Preprocessing.Resize(images[0]);
        int half = model.Clip.Config.PatchSize / 2;
        foreach (var (dx, dy) in new[] { (half, 0), (0, half), (half, half) })
            scores.Add(ScoreAgainst(Rows(unit, except: -1), Shift(resized, dx, dy)));
        return Calibration.FromNormal(scores);

        float ScoreAgainst(float[][] rows, RgbImage image)
        {
            cancellation.ThrowIfCancellationRequested();
            pass.Encode([image]);
            if (model.Layers.Count == 0)
                return pass.Score(bank: null, k).Scores[0];
            using var bank = new MemoryBank(model.Clip.Backend, k, model.Layers, rows, model.Clip.Config.VisionWidth);
            return pass.Score(bank, k).Scores[0];
        }
    }

    // Moves the picture to the right and down; what enters at the edge is its mirror image.
    private static RgbImage Shift(RgbImage image, int dx, int dy)
    {
        var source = image.Pixels;
        var pixels = new byte[source.Length];
        for (int y = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++)
            {
                int from = Mirror(y - dy) * image.Width + Mirror(x - dx);
                source.Slice(3 * from, 3).CopyTo(pixels.AsSpan(3 * (y * image.Width + x)));
            }
        return new RgbImage(image.Width, image.Height, pixels);
    }

    private static int Mirror(int i) => i < 0 ? -1 - i : i;
}
