using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// The training loop: every pass visits each training image once in a new order, with fresh pseudo-anomalies; a cosine schedule over all
/// steps; no clipping; the last step counts. Everything random depends on the seed and the step alone, so a training that goes on from a
/// checkpoint ends with the same bits. Source: SPEC section 11.
/// </summary>
internal sealed class Trainer : IDisposable
{
    private readonly ClipModel clip;
    private readonly TrainingOptions options;
    private readonly AnopleModel model;
    private readonly PseudoAnomalies anomalies;
    private readonly TrainingRun run;
    private readonly Dictionary<int, (TrainingBatch Batch, TrainingStep Step, int[] Indices)> byBatchSize = [];
    private readonly int images;
    private readonly int[] order;

    /// <summary>Prepares views, textures and the model.</summary>
    /// <exception cref="ArgumentException">A texture folder without images.</exception>
    /// <exception cref="DeviceException">The device is out of memory.</exception>
    public Trainer(ClipModel clip, TrainingOptions options, IReadOnlyList<ClassImages> classes, IReadOnlyList<int[]> textRows)
        : this(clip, options, classes, textRows, Environment.ProcessorCount)
    {
    }

    /// <summary>As the other one, with the number of threads that draw pseudo-anomalies.</summary>
    internal Trainer(ClipModel clip, TrainingOptions options, IReadOnlyList<ClassImages> classes, IReadOnlyList<int[]> textRows, int threads)
    {
        this.clip = clip;
        this.options = options;
        images = classes.Sum(c => c.Images.Count);
        order = new int[images];
        anomalies = CreateAnomalies(clip, options, classes, threads);
        run = new TrainingRun(options, clip.WeightsHash, classes, options.StepsFor(images), options.StepsPerEpoch(images));
        lock (clip.Backend.Gate)
        {
            model = new AnopleModel(clip, options, textRows);
            model.Parameters.Initialize(options.Seed);
        }
    }

    /// <summary>The optimiser's settings in step t of R, for everything but the couplings.</summary>
    public static AdamWStep Settings(TrainingOptions options, int step, int steps) => new(
        LearningRateSchedule.Share(options.FinalLearningRate, step, steps) * options.LearningRate, options.WeightDecay, options.Beta1, options.Beta2,
        options.AdamEpsilon, step + 1);

    /// <summary>The couplings' learning rate in step t of R.</summary>
    public static double CouplingRate(TrainingOptions options, int step, int steps) =>
        LearningRateSchedule.Share(options.FinalLearningRate, step, steps) * options.CouplingLearningRate;

    /// <summary>What is trained.</summary>
    public AnopleModel Model => model;

    /// <summary>Steps taken and their losses.</summary>
    public TrainingRun Progress => run;

    /// <summary>Takes all steps that are left.</summary>
    /// <param name="checkpoint">Where to go on from and to write to, or null.</param>
    /// <param name="progress">Is told of every step, or null.</param>
    /// <param name="cancellation">Stops between steps; the checkpoint is written first.</param>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is not finite.</exception>
    /// <exception cref="InvalidDataException">The checkpoint is damaged or belongs to another training.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Run(TrainingCheckpoint? checkpoint, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        checkpoint?.Validate();
        if (checkpoint is not null && File.Exists(checkpoint.Path))
            Restore(checkpoint.Path);
        int written = run.Step;
        while (run.Step < run.Steps)
        {
            if (cancellation.IsCancellationRequested)
            {
                Write();
                cancellation.ThrowIfCancellationRequested();
            }
            StepLosses losses;
            lock (clip.Backend.Gate)
                losses = TakeStep();
            progress?.Report(new("training", run.Step, run.Steps) { Losses = losses });
            if (checkpoint is not null && (run.Step - written >= checkpoint.EverySteps || run.Step == run.Steps))
                Write();
        }

        void Write()
        {
            if (checkpoint is null || run.Step == written)
                return;
            lock (clip.Backend.Gate)
                CheckpointFile.Save(checkpoint.Path, run, model.Parameters);
            written = run.Step;
        }
    }

    /// <summary>Takes the state of a checkpoint.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">Damaged, or of another training.</exception>
    public void Restore(string path)
    {
        lock (clip.Backend.Gate)
            CheckpointFile.Load(path, run, model.Parameters);
    }

    /// <summary>The next step with its batch drawn and loaded, but not taken: for looking at it. The caller holds the gate.</summary>
    public (TrainingBatch Batch, TrainingStep Step) PrepareStep()
    {
        var (batch, step, indices) = NextBatch();
        anomalies.Fill(batch, indices, run.Step / run.StepsPerEpoch);
        step.Load(batch, indices);
        return (batch, step);
    }

    /// <summary>The text features and everything that inference needs of the parameters.</summary>
    public (float[] Text, TrainedState State) Fold() => Fold(model, run.EpochLosses, run.Step);

    /// <summary>The text features (2K, d) and everything that inference needs of a model's parameters.</summary>
    public static (float[] Text, TrainedState State) Fold(AnopleModel model, IReadOnlyList<StepLosses> epochLosses, int steps)
    {
        var backend = model.Backend;
        var options = model.Options;
        model.ForwardParameters();
        float[]? signal = options.ViewMode == ViewMode.None ? null : backend.Download(model.Parameters.Value(AnopleModel.Signal))[..model.Clip.Config.VisionWidth];
        return (backend.Download(model.Text), new TrainedState
        {
            Options = options with { TextureFolder = Path.GetFileName(options.TextureFolder?.TrimEnd(Path.DirectorySeparatorChar)) },
            VisualPrompts = [.. model.Prompts.Visual.Select(backend.Download)],
            Signal = signal,
            Decoder = model.Decoder.Shape.Declare().ToDictionary(d => d.Name, d => backend.Download(model.Parameters.Value(d.Name))),
            ImageTemperature = model.ImageTemperature,
            EpochLosses = epochLosses,
            Steps = steps,
        });
    }

    /// <summary>Forward, backward, update. The caller holds the gate.</summary>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is not finite; the parameters are as before.</exception>
    internal StepLosses TakeStep()
    {
        var (_, step) = PrepareStep();
        var losses = step.Forward();
        if (!losses.AreFinite)
            throw new TrainingDivergedException(run.Step + 1,
                $"the loss is {losses.Total} (dice {losses.Dice}, focal {losses.Focal}, image {losses.Image}, alignment {losses.Alignment})");
        step.Backward();
        float norm = model.Parameters.GradientNorm();
        if (!float.IsFinite(norm))
            throw new TrainingDivergedException(run.Step + 1, $"the norm of the gradient is {norm} at a loss of {losses.Total}");
        model.Parameters.Update(Settings(options, run.Step, run.Steps), CouplingRate(options, run.Step, run.Steps));
        run.Add(losses);
        return losses;
    }

    private (TrainingBatch Batch, TrainingStep Step, int[] Indices) NextBatch()
    {
        int pass = run.Step / run.StepsPerEpoch, first = run.Step % run.StepsPerEpoch * options.Batch, size = Math.Min(options.Batch, images - first);
        if (!byBatchSize.TryGetValue(size, out var found))
        {
            var config = clip.Config;
            byBatchSize[size] = found = (new TrainingBatch(size, options.Views, config.ImageSize, config.Grid, config.VisionWidth),
                new TrainingStep(model, size, images), new int[size]);
        }
        anomalies.Order(pass, order);
        order.AsSpan(first, size).CopyTo(found.Indices);
        return found;
    }

    /// <summary>The generator of a training's pseudo-anomalies.</summary>
    /// <exception cref="ArgumentException">A texture folder without images.</exception>
    internal static PseudoAnomalies CreateAnomalies(ClipModel clip, TrainingOptions options, IReadOnlyList<ClassImages> classes, int threads)
    {
        var config = clip.Config;
        var textures = options.TextureFolder is { } folder ? TextureSource.Load(folder, config.ImageSize) : null;
        float[][] views = [.. classes.SelectMany(c => c.Images).Select(image => TrainingViews.Of(image, clip.Preprocessing, options.Views))];
        int[] classIndex = [.. classes.SelectMany((c, k) => Enumerable.Repeat(k, c.Images.Count))];
        return new PseudoAnomalies(views, classIndex, options.Views, config.ImageSize, config.Grid, config.VisionWidth, options.Seed, textures,
            (options.LeastOpacity, options.GreatestOpacity), threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (clip.Backend.Gate)
        {
            foreach (var (_, step, _) in byBatchSize.Values)
                step.Dispose();
            model.Dispose();
        }
    }
}
