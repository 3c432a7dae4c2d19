using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Prompts;

namespace AnoPLe.Gpu.Scoring;

/// <summary>Builds a detector's state from normal images: text features, memory bank, calibration.</summary>
internal sealed class Fitter
{
    // CLIP's texts are captions; a longer name is a mistake, and most would not fit its context anyway.
    private const int MaxClassName = 200;

    private readonly ClipModel clip;
    private readonly string className;
    private readonly FitOptions options;
    private readonly IReadOnlyList<int> layers;
    private readonly int[][] textRows;

    /// <summary>Checks the class name and the options before any work is done.</summary>
    public Fitter(ClipModel clip, string className, FitOptions options)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(className);
        this.clip = clip;
        this.options = options;
        this.className = className.Replace('_', ' ').Trim();
        Require.That(this.className.Length > 0, $"The class name is empty. Name the product in plain words, for instance \"metal nut\".");
        Require.That(this.className.Length <= MaxClassName,
            $"The class name has {this.className.Length} characters, expected at most {MaxClassName}. Name the product in a few plain words.");
        layers = options.LayersFor(clip.Config);
        int T = clip.Config.ContextLength;
        textRows = [Tokenizer.Clip.Row(0, this.className, T), Tokenizer.Clip.Row(0, "abnormal " + this.className, T)];
    }

    /// <summary>Does the work while holding the model.</summary>
    public AnomalyDetector Fit(IReadOnlyList<RgbImage> images, IReadOnlyList<Shot> shots, IProgress<WorkProgress>? progress,
        CancellationToken cancellation)
    {
        Require.That(images.Count > 0, $"No normal images were given. One is enough, 2 to 4 are better.");
        lock (clip.Backend.Gate)
        {
            progress?.Report(new("encoding the class name", 0, images.Count));
            float[] text = TextFeatures();
            using var pass = new ScoringPass(clip, layers, text, batch: 1);
            var unit = Encode(pass, images, progress, cancellation);
            float[][] bank = [.. layers.Select((_, l) => unit.SelectMany(shot => shot[l]).ToArray())];
            RequireFinite(bank);
            progress?.Report(new("calibrating", images.Count, images.Count));
            var state = new DetectorState
            {
                ClassName = className,
                WeightsHash = clip.WeightsHash,
                Layers = layers,
                BankRows = bank,
                VisionWidth = clip.Config.VisionWidth,
                TextFeatures = text,
                SmoothSigma = options.SmoothSigma,
                Calibration = Calibrate(pass, images, unit, bank, cancellation),
                Shots = shots,
            };
            return new AnomalyDetector(clip, state);
        }
    }

    private float[] TextFeatures()
    {
        int d = clip.Config.EmbedDim;
        float[] features = clip.Text.Encode(textRows, PromptInjection.None);
        using var arena = new Arena(clip.Backend);
        var raw = arena.Take("txt.features", new(2, d));
        clip.Backend.Write(raw, features);
        clip.Backend.L2Normalize.Forward(raw, raw);
        return clip.Backend.Download(raw);
    }

    private static List<float[][]> Encode(ScoringPass pass, IReadOnlyList<RgbImage> images, IProgress<WorkProgress>? progress,
        CancellationToken cancellation)
    {
        List<float[][]> unit = [];
        foreach (var image in images)
        {
            cancellation.ThrowIfCancellationRequested();
            pass.Encode([image]);
            unit.Add(pass.Download());
            progress?.Report(new("encoding normal images", unit.Count, images.Count));
        }
        return unit;
    }

    private static void RequireFinite(float[][] bank)
    {
        if (bank.Any(layer => layer.Any(value => !float.IsFinite(value))))
            throw new InvalidDataException("The features are not finite numbers: the weights hold NaN or infinity. Check them with 'anople weights inspect'.");
    }

    private Calibration Calibrate(ScoringPass pass, IReadOnlyList<RgbImage> images, IReadOnlyList<float[][]> unit, float[][] rows,
        CancellationToken cancellation)
    {
        if (options.Threshold is { } given)
            return Calibration.Given(given);
        int width = clip.Config.VisionWidth;
        if (images.Count > 1)
            return Calibration.FromNormal(Calibration.HoldOut(pass, layers, unit, width, options.SmoothSigma, cancellation));
        // One image cannot be held out. Shifted by half a patch, all its patches are new and all of them normal.
        using var bank = new MemoryBank(clip.Backend, layers, rows, width);
        var resized = clip.Preprocessing.Resize(images[0]);
        List<float> scores = [];
        int half = clip.Config.PatchSize / 2;
        foreach (var (dx, dy) in new[] { (half, 0), (0, half), (half, half) })
        {
            cancellation.ThrowIfCancellationRequested();
            pass.Encode([Shift(resized, dx, dy)]);
            scores.Add(pass.Maps(bank, options.SmoothSigma).Max());
        }
        return Calibration.FromNormal(scores);
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
