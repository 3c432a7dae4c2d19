using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Scoring;

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
    private readonly MemoryBank bank;
    private readonly Dictionary<int, ScoringPass> passes = [];
    private bool disposed;

    internal AnomalyDetector(ClipModel clip, DetectorState state)
    {
        this.clip = clip;
        this.state = state;
        bank = new MemoryBank(clip.Backend, state.Layers, state.BankRows, clip.Config.VisionWidth);
    }

    /// <summary>What kind of product it inspects.</summary>
    public string ClassName => state.ClassName;

    /// <summary>The normal images it was fitted on.</summary>
    public IReadOnlyList<Shot> Shots => state.Shots;

    /// <summary>1-based vision blocks whose patch tokens are remembered.</summary>
    public IReadOnlyList<int> MemoryLayers => state.Layers;

    /// <summary>Where the threshold comes from.</summary>
    public Calibration Calibration => state.Calibration;

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
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(normalImages);
        Shot[] shots = [.. normalImages.Select(Shot.Of)];
        return new Fitter(clip, className, options ?? new()).Fit(normalImages, shots, progress, cancellation);
    }

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
        IProgress<WorkProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(normalFiles);
        RgbImage[] images = [.. normalFiles.Select(path => RgbImage.Load(path))];
        return new Fitter(clip, className, options ?? new()).Fit(images, [.. normalFiles.Select(Shot.Of)], progress, cancellation);
    }

    /// <summary>Scores one image of any size.</summary>
    public AnomalyResult Score(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Score([image])[0];
    }

    /// <summary>Scores images in batches of <see cref="BatchSize"/>; the results are in the order of the images.</summary>
    public IReadOnlyList<AnomalyResult> Score(IReadOnlyList<RgbImage> images, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        var results = new List<AnomalyResult>(images.Count);
        for (int start = 0; start < images.Count; start += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            results.AddRange(ScoreBatch([.. images.Skip(start).Take(BatchSize)]));
        }
        return results;
    }

    /// <summary>Scores a stream of images one by one, as they come.</summary>
    public async IAsyncEnumerable<AnomalyResult> ScoreAsync(IAsyncEnumerable<RgbImage> images,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        await foreach (var image in images.WithCancellation(cancellation).ConfigureAwait(false))
            yield return await Task.Run(() => Score(image), cancellation).ConfigureAwait(false);
    }

    private AnomalyResult[] ScoreBatch(RgbImage[] images)
    {
        int S = clip.Config.ImageSize;
        float[] maps, text;
        lock (clip.Backend.Gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!passes.TryGetValue(images.Length, out var pass))
                passes[images.Length] = pass = new ScoringPass(clip, state.Layers, state.TextFeatures, images.Length);
            pass.Encode(images);
            text = pass.TextScores();
            maps = pass.Maps(bank, state.SmoothSigma);
        }
        return [.. images.Select((_, i) => Result(new AnomalyMap(S, S, maps.AsSpan(i * S * S, S * S).ToArray()), text[i]))];
    }

    private AnomalyResult Result(AnomalyMap map, float text)
    {
        float score = map.Max;
        if (!float.IsFinite(score))
            throw new InvalidDataException("The score is not a finite number: the weights hold NaN or infinity. Check them with 'anople weights inspect'.");
        return new AnomalyResult(score, map, text, score > state.Calibration.Threshold ? Decision.Anomalous : Decision.Normal);
    }

    /// <summary>Writes everything but CLIP's weights to one safetensors file: bank, text features, calibration, names and hashes.</summary>
    /// <exception cref="IOException">The file cannot be written; an earlier file of that name is untouched.</exception>
    public void Save(string path) => DetectorFile.Save(path, state);

    /// <summary>Reads a detector written by <see cref="Save"/>. The file is validated whole before anything is used.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, of a newer format, or was made with other CLIP weights.</exception>
    public static AnomalyDetector Load(string path, ClipModel clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        var state = DetectorFile.Load(path, clip);
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
            bank.Dispose();
        }
    }
}
