using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Scoring;

/// <summary>Builds a detector's state from normal images: text features or training, then memory and calibration of every class.</summary>
internal sealed class DetectorBuilder
{
    private readonly ClipModel clip;
    private readonly IReadOnlyList<ClassImages> classes;
    private readonly IProgress<WorkProgress>? progress;
    private readonly CancellationToken cancellation;

    /// <summary>Checks the classes before any work is done.</summary>
    /// <exception cref="ArgumentException">No classes, or two of one name.</exception>
    public DetectorBuilder(ClipModel clip, IReadOnlyList<ClassImages> classes, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(classes);
        Require.That(classes.Count > 0, $"No classes were given. One is enough.");
        string? twice = classes.GroupBy(c => c.Name).FirstOrDefault(group => group.Count() > 1)?.Key;
        Require.That(twice is null, $"Two classes are named '{twice}', expected different names.");
        this.clip = clip;
        this.classes = classes;
        this.progress = progress;
        this.cancellation = cancellation;
    }

    /// <summary>Memory alone, nothing trained.</summary>
    public DetectorState Fit(FitOptions options)
    {
        var layers = options.LayersFor(clip.Config);
        int[][] rows = ClassNames.TokenRows(classes.Select(c => c.Name), promptLength: 0, clip.Config);
        lock (clip.Backend.Gate)
        {
            progress?.Report(new("encoding the class name", 0, ImageCount));
            return Finish(layers, PlainText(rows), options.SmoothSigma, options.Threshold, trained: null);
        }
    }

    /// <summary>Trains, then fills the memory with the prompts in place.</summary>
    public DetectorState Train(TrainingOptions options, TrainingCheckpoint? checkpoint)
    {
        options.Validate(clip.Config);
        var layers = options.Fit.LayersFor(clip.Config);
        int[][] rows = ClassNames.TokenRows(classes.Select(c => c.Name), options.TextPromptLength, clip.Config);
        using var trainer = new Trainer(clip, options, classes, rows);
        trainer.Run(checkpoint, progress, cancellation);
        lock (clip.Backend.Gate)
        {
            var (text, trained) = trainer.Fold();
            return Finish(options.UseMemoryBank ? layers : [], text, options.SmoothSigma, options.Threshold, trained);
        }
    }

    private int ImageCount => classes.Sum(c => c.Images.Count);

    private DetectorState Finish(IReadOnlyList<int> layers, float[] text, float smoothSigma, float? threshold, TrainedState? trained)
    {
        using var model = new InferenceModel(clip, layers, text, smoothSigma, trained);
        using var pass = new ScoringPass(model, batch: 1);
        var fitter = new ClassFitter(model, pass, threshold);
        List<ClassState> fitted = [];
        int before = 0;
        for (int k = 0; k < classes.Count; k++)
        {
            var c = classes[k];
            fitted.Add(fitter.Fit(c.Name, k, c.Images, c.Shots, done => progress?.Report(new("encoding normal images", before + done, ImageCount)), cancellation));
            before += c.Images.Count;
            progress?.Report(new("calibrating", before, ImageCount));
        }
        return new DetectorState
        {
            WeightsHash = clip.WeightsHash,
            Layers = layers,
            VisionWidth = clip.Config.VisionWidth,
            TextFeatures = text,
            SmoothSigma = smoothSigma,
            Classes = fitted,
            Trained = trained,
        };
    }

    private float[] PlainText(int[][] rows)
    {
        float[] features = clip.Text.Encode(rows, PromptInjection.None);
        using var raw = clip.Backend.Upload("txt.features", new(rows.Length, clip.Config.EmbedDim), features);
        clip.Backend.L2Normalize.Forward(raw, raw);
        return clip.Backend.Download(raw);
    }
}
