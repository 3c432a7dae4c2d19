using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Scoring;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu;

/// <summary>
/// Says of an image how anomalous it is and where, having seen a few normal images of the product. Scoring may be called from many
/// threads at once: they take turns on the device. The model stays the caller's and must outlive the detector.
/// </summary>
/// <example>
/// <code>
/// using var backend = Backends.Auto();
/// using var clip = ClipModel.Load("weights/vit-b-16-plus-240.safetensors", backend);
/// using var detector = AnomalyDetector.Fit(clip, "bottle", images);
/// AnomalyResult result = detector.Score(RgbImage.Load("part.png"));
/// </code>
/// </example>
public sealed class AnomalyDetector : IDisposable
{
    /// <summary>Images that go through the encoder together when many are scored.</summary>
    public const int BatchSize = 8;

    private readonly ClipModel clip;
    private readonly DetectorState state;
    private readonly InferenceModel model;
    private readonly MemoryBank?[] banks;
    private readonly Dictionary<int, ScoringPass> passes = [];
    private Action? checkWeights;
    private bool disposed;

    // The caller holds the backend's gate.
    private AnomalyDetector(ClipModel clip, DetectorState state)
    {
        this.clip = clip;
        this.state = state;
        banks = new MemoryBank?[state.Classes.Count];
        model = new InferenceModel(clip, state.Layers, state.TextFeatures, state.SmoothSigma, state.Trained);
        try
        {
            for (int k = 0; k < banks.Length && state.Layers.Count > 0; k++)
                banks[k] = new MemoryBank(clip.Backend, k, state.Layers, state.Classes[k].BankRows, clip.Config.VisionWidth);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What kind of product it inspects; the first of several.</summary>
    public string ClassName => state.Classes[0].Name;

    /// <summary>What kinds of product it inspects.</summary>
    public IReadOnlyList<string> ClassNames => [.. state.Classes.Select(c => c.Name)];

    /// <summary>The normal images it was made of, class after class.</summary>
    public IReadOnlyList<Shot> Shots => [.. state.Classes.SelectMany(c => c.Shots)];

    /// <summary>1-based vision blocks whose patch tokens are remembered; none for a detector without a memory bank.</summary>
    public IReadOnlyList<int> MemoryLayers => state.Layers;

    /// <summary>Where the threshold of the first class comes from.</summary>
    public Calibration Calibration => state.Classes[0].Calibration;

    /// <summary>How it was trained, or null when it was only fitted.</summary>
    public TrainingOptions? TrainingOptions => state.Trained?.Options;

    /// <summary>Mean losses of every training epoch; empty when it was only fitted.</summary>
    public IReadOnlyList<StepLosses> EpochLosses => state.Trained?.EpochLosses ?? [];

    /// <summary>Optimiser steps it was trained for; 0 when it was only fitted.</summary>
    public int TrainingSteps => state.Trained?.Steps ?? 0;

    /// <summary>Where the threshold of a class comes from.</summary>
    /// <exception cref="ArgumentException">No such class.</exception>
    public Calibration CalibrationOf(string className) => state.Classes[IndexOf(className)].Calibration;

    /// <summary>Fits a memory bank on normal images handed over as pixels. Nothing is trained.</summary>
    /// <param name="clip">The model.</param>
    /// <param name="className">The product in plain words, for the zero-shot text score: "metal nut". "_" counts as a space.</param>
    /// <param name="normalImages">One or more images without defects; 1 to 4 are typical.</param>
    /// <param name="options">Layers, smoothing, threshold; null for the defaults.</param>
    /// <param name="progress">Is told of every image, or null.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="ArgumentException">No images, a class name that is empty or too long, or options that do not fit the model.</exception>
    /// <exception cref="DeviceException">The device is out of memory.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static AnomalyDetector Fit(ClipModel clip, string className, IReadOnlyList<RgbImage> normalImages, FitOptions? options = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default) =>
        Fit(clip, [ClassImages.Of(className, normalImages)], options, progress, cancellation);

    /// <summary>Fits a memory bank on image files; their names and hashes are recorded.</summary>
    /// <inheritdoc cref="Fit(ClipModel, string, IReadOnlyList{RgbImage}, FitOptions, IProgress{WorkProgress}, CancellationToken)"/>
    /// <param name="clip">The model.</param>
    /// <param name="className">The product in plain words.</param>
    /// <param name="normalFiles">Paths of images without defects.</param>
    /// <param name="options">Layers, smoothing, threshold; null for the defaults.</param>
    /// <param name="progress">Is told of every image, or null.</param>
    /// <param name="cancellation">Stops between images.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is not an image.</exception>
    public static AnomalyDetector Fit(ClipModel clip, string className, IReadOnlyList<string> normalFiles, FitOptions? options = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default) =>
        Fit(clip, [ClassImages.Load(className, normalFiles)], options, progress, cancellation);

    /// <summary>Fits one memory bank per class; scoring then names the class.</summary>
    /// <inheritdoc cref="Fit(ClipModel, string, IReadOnlyList{RgbImage}, FitOptions, IProgress{WorkProgress}, CancellationToken)"/>
    /// <param name="clip">The model.</param>
    /// <param name="classes">Products with their normal images.</param>
    /// <param name="options">Layers, smoothing, threshold; null for the defaults.</param>
    /// <param name="progress">Is told of every image, or null.</param>
    /// <param name="cancellation">Stops between images.</param>
    public static AnomalyDetector Fit(ClipModel clip, IReadOnlyList<ClassImages> classes, FitOptions? options = null,
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default) =>
        Create(clip, new DetectorBuilder(clip, classes, progress, cancellation).Fit(options ?? new()));

    /// <summary>
    /// Trains the method on normal images handed over as pixels: prompts in both towers, decoder and view signal, then the memory bank.
    /// Pseudo-anomalies stand in for real ones.
    /// </summary>
    /// <param name="clip">The model; it stays frozen. Between optimiser steps other threads may use it.</param>
    /// <param name="className">The product in plain words: "metal nut". "_" counts as a space.</param>
    /// <param name="normalImages">One or more images without defects; 1 to 4 are typical.</param>
    /// <param name="options">Method and training; null for the defaults.</param>
    /// <param name="progress">Is told of every step with its losses, or null.</param>
    /// <param name="checkpoint">Where to write the state and to go on from; null for neither.</param>
    /// <param name="cancellation">Stops between steps; a checkpoint is written first.</param>
    /// <exception cref="ArgumentException">No images, a class name that is empty or too long, options that do not fit the model, or a texture folder without images.</exception>
    /// <exception cref="TrainingDivergedException">A loss or gradient is not finite any more.</exception>
    /// <exception cref="InvalidDataException">The checkpoint is damaged or belongs to another training.</exception>
    /// <exception cref="DeviceException">The device is out of memory.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static AnomalyDetector Train(ClipModel clip, string className, IReadOnlyList<RgbImage> normalImages, TrainingOptions? options = null,
        IProgress<WorkProgress>? progress = null, TrainingCheckpoint? checkpoint = null, CancellationToken cancellation = default) =>
        Train(clip, [ClassImages.Of(className, normalImages)], options, progress, checkpoint, cancellation);

    /// <summary>Trains on image files; their names and hashes are recorded.</summary>
    /// <inheritdoc cref="Train(ClipModel, string, IReadOnlyList{RgbImage}, TrainingOptions, IProgress{WorkProgress}, TrainingCheckpoint, CancellationToken)"/>
    /// <param name="clip">The model; it stays frozen.</param>
    /// <param name="className">The product in plain words.</param>
    /// <param name="normalFiles">Paths of images without defects.</param>
    /// <param name="options">Method and training; null for the defaults.</param>
    /// <param name="progress">Is told of every step with its losses, or null.</param>
    /// <param name="checkpoint">Where to write the state and to go on from; null for neither.</param>
    /// <param name="cancellation">Stops between steps; a checkpoint is written first.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    public static AnomalyDetector Train(ClipModel clip, string className, IReadOnlyList<string> normalFiles, TrainingOptions? options = null,
        IProgress<WorkProgress>? progress = null, TrainingCheckpoint? checkpoint = null, CancellationToken cancellation = default) =>
        Train(clip, [ClassImages.Load(className, normalFiles)], options, progress, checkpoint, cancellation);

    /// <summary>Trains one detector for several classes; scoring then names the class.</summary>
    /// <inheritdoc cref="Train(ClipModel, string, IReadOnlyList{RgbImage}, TrainingOptions, IProgress{WorkProgress}, TrainingCheckpoint, CancellationToken)"/>
    /// <param name="clip">The model; it stays frozen.</param>
    /// <param name="classes">Products with their normal images.</param>
    /// <param name="options">Method and training; null for the defaults.</param>
    /// <param name="progress">Is told of every step with its losses, or null.</param>
    /// <param name="checkpoint">Where to write the state and to go on from; null for neither.</param>
    /// <param name="cancellation">Stops between steps; a checkpoint is written first.</param>
    public static AnomalyDetector Train(ClipModel clip, IReadOnlyList<ClassImages> classes, TrainingOptions? options = null,
        IProgress<WorkProgress>? progress = null, TrainingCheckpoint? checkpoint = null, CancellationToken cancellation = default) =>
        Create(clip, new DetectorBuilder(clip, classes, progress, cancellation).Train(options ?? new(), checkpoint));

    /// <summary>Scores one image of any size.</summary>
    /// <exception cref="ArgumentException">The detector knows several classes: name one.</exception>
    public AnomalyResult Score(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Score([image], default(CancellationToken))[0];
    }

    /// <summary>Scores one image of a class.</summary>
    /// <exception cref="ArgumentException">The detector does not know the class.</exception>
    public AnomalyResult Score(RgbImage image, string className)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Score([image], className)[0];
    }

    /// <summary>Scores images in batches of <see cref="BatchSize"/>; the results are in the order of the images.</summary>
    /// <exception cref="ArgumentException">The detector knows several classes: name one.</exception>
    public IReadOnlyList<AnomalyResult> Score(IReadOnlyList<RgbImage> images, CancellationToken cancellation = default) =>
        state.Classes.Count == 1 ? Score(images, 0, cancellation) : throw SeveralClasses();

    /// <summary>Scores images of a class in batches of <see cref="BatchSize"/>; the results are in the order of the images.</summary>
    /// <exception cref="ArgumentException">The detector does not know the class.</exception>
    public IReadOnlyList<AnomalyResult> Score(IReadOnlyList<RgbImage> images, string className, CancellationToken cancellation = default) =>
        Score(images, IndexOf(className), cancellation);

    /// <summary>Scores a stream of images one by one, as they come.</summary>
    /// <exception cref="ArgumentException">The detector knows several classes: name one.</exception>
    public IAsyncEnumerable<AnomalyResult> ScoreAsync(IAsyncEnumerable<RgbImage> images, CancellationToken cancellation = default) =>
        ScoreAsync(images, Score, cancellation);

    /// <summary>Scores a stream of images of a class one by one, as they come.</summary>
    /// <exception cref="ArgumentException">The detector does not know the class.</exception>
    public IAsyncEnumerable<AnomalyResult> ScoreAsync(IAsyncEnumerable<RgbImage> images, string className, CancellationToken cancellation = default) =>
        ScoreAsync(images, image => Score(image, className), cancellation);

    private static async IAsyncEnumerable<AnomalyResult> ScoreAsync(IAsyncEnumerable<RgbImage> images, Func<RgbImage, AnomalyResult> score,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(images);
        await foreach (var image in images.WithCancellation(cancellation).ConfigureAwait(false))
            yield return await Task.Run(() => score(image), cancellation).ConfigureAwait(false);
    }

    private List<AnomalyResult> Score(IReadOnlyList<RgbImage> images, int k, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(images);
        var results = new List<AnomalyResult>(images.Count);
        for (int start = 0; start < images.Count; start += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            results.AddRange(ScoreBatch([.. images.Skip(start).Take(BatchSize)], k));
        }
        return results;
    }

    /// <summary>
    /// Scores one image and writes every named tensor on the way as safetensors: act/ the vision tower's and the decoder's activations, inf/ what
    /// inference makes of them. src/METHOD.md walks through the names. <see cref="TrainingTrace"/> does the same for a training step.
    /// </summary>
    /// <param name="image">The image.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="className">Which of the detector's products it shows; may be left out when there is one.</param>
    /// <exception cref="ArgumentException">No such class, or none named while there are several.</exception>
    /// <exception cref="IOException">The file cannot be written; an earlier file of that name is untouched.</exception>
    public void Trace(RgbImage image, string path, string? className = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        CheckWeights();
        int k = IndexOf(className ?? (state.Classes.Count == 1 ? ClassName : throw SeveralClasses()));
        lock (clip.Backend.Gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            using var pass = new ScoringPass(model, batch: 1);
            var metadata = new Dictionary<string, string> { ["format"] = "anople-trace", ["weights_sha256"] = state.WeightsHash, ["class_name"] = state.Classes[k].Name };
            TraceRecorder.Write(path, clip.Backend, metadata, recorder => pass.Trace(recorder, image, banks[k], k));
        }
    }

    private ArgumentException SeveralClasses() =>
        new($"This detector knows {state.Classes.Count} classes. Say which one the image shows: {string.Join(", ", ClassNames)}.");

    private int IndexOf(string className)
    {
        string clean = Scoring.ClassNames.Clean(className);
        int k = state.Classes.ToList().FindIndex(c => c.Name == clean);
        Require.That(k >= 0, $"This detector does not know '{clean}', expected one of: {string.Join(", ", ClassNames)}.");
        return k;
    }

    private AnomalyResult[] ScoreBatch(RgbImage[] images, int k)
    {
        int S = clip.Config.ImageSize;
        BatchScores scores;
        lock (clip.Backend.Gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!passes.TryGetValue(images.Length, out var pass))
                passes[images.Length] = pass = new ScoringPass(model, images.Length);
            pass.Encode(images);
            scores = pass.Score(banks[k], k);
        }
        CheckWeights();
        float threshold = state.Classes[k].Calibration.Threshold;
        return [.. images.Select((_, i) => Result(scores.Scores[i], new AnomalyMap(S, S, scores.Maps.AsSpan(i * S * S, S * S).ToArray()), scores.TextScores[i], threshold))];
    }

    private static AnomalyResult Result(float score, AnomalyMap map, float text, float threshold)
    {
        if (!float.IsFinite(score))
            throw new InvalidDataException("The score is not a finite number: the weights hold NaN or infinity. Check them with 'anople weights inspect'.");
        return new AnomalyResult(score, map, text, score > threshold ? Decision.Anomalous : Decision.Normal);
    }

    /// <summary>Writes everything but CLIP's weights to one safetensors file: bank, text features, calibration, names and hashes.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier file of that name is untouched.</exception>
    public void Save(string path) => DetectorFile.Save(path, state);

    /// <summary>Reads a detector written by <see cref="Save"/>. The file is validated whole before anything is used.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, of a newer format, or was made with other CLIP weights.</exception>
    public static AnomalyDetector Load(string path, ClipModel clip) => Load(path, clip, deferWeightsCheck: false);

    /// <summary>
    /// Like <see cref="Load(string, ClipModel)"/>, but for a program that wants its first result soon: the hash of the weights, which takes
    /// reading all of them, may be computed on another thread while the first images are scored.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="clip">The model.</param>
    /// <param name="deferWeightsCheck">
    /// Whether other weights are refused by the first call that would hand out a result, <c>Score</c> or <c>Trace</c>, with the same <see cref="InvalidDataException"/>.
    /// No result of other weights is handed out either way.
    /// </param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, of a newer format, or was made with other CLIP weights.</exception>
    public static AnomalyDetector Load(string path, ClipModel clip, bool deferWeightsCheck)
    {
        ArgumentNullException.ThrowIfNull(clip);
        if (deferWeightsCheck)
            clip.BeginWeightsHash();
        DetectorState state = DetectorFile.Load(path, clip, waitForHash: !deferWeightsCheck);
        AnomalyDetector detector = Create(clip, state);
        if (deferWeightsCheck)
            detector.checkWeights = () => DetectorFile.CheckWeights(path, state.WeightsHash, clip);
        return detector;
    }

    // Before anything that was computed leaves. Once it has passed it stays passed; several threads may come here at once.
    private void CheckWeights()
    {
        checkWeights?.Invoke();
        checkWeights = null;
    }

    private static AnomalyDetector Create(ClipModel clip, DetectorState state)
    {
        lock (clip.Backend.Gate)
            return new AnomalyDetector(clip, state);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (clip.Backend.Gate)
        {
            disposed = true;
            foreach (var pass in passes.Values)
                pass.Dispose();
            passes.Clear();
            foreach (var bank in banks)
                bank?.Dispose();
            model.Dispose();
        }
    }
}
