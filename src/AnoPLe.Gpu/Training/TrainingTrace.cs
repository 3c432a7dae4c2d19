using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Every named tensor of one training step, for people who study the method: inputs (in/), parameters (param/), activations (act/), losses
/// (loss/) and, if wanted, gradients of activations (gact/) and of parameters (grad/). src/METHOD.md walks through them.
/// </summary>
public static class TrainingTrace
{
    /// <summary>Computes one step on the images, with pseudo-anomalies drawn from the seed, and writes its tensors as safetensors.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="clip">The frozen model.</param>
    /// <param name="classes">Products with their normal images; the first batch of them goes into the step.</param>
    /// <param name="options">Method and seed.</param>
    /// <param name="gradients">Whether to go backwards too.</param>
    /// <param name="checkpoint">A training of the same images and options to take the parameters of; null for the initial ones.</param>
    /// <exception cref="ArgumentException">Options that do not fit the model.</exception>
    /// <exception cref="InvalidDataException">The checkpoint is damaged or belongs to another training.</exception>
    /// <exception cref="FileNotFoundException">There is no such checkpoint.</exception>
    /// <exception cref="IOException">The file cannot be written; an earlier file of that name is untouched.</exception>
    public static void Write(string path, ClipModel clip, IReadOnlyList<ClassImages> classes, TrainingOptions options, bool gradients, string? checkpoint = null)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(clip.Config);
        int[][] rows = ClassNames.TokenRows(classes.Select(c => c.Name), options.TextPromptLength, clip.Config);
        using var trainer = new Trainer(clip, options, classes, rows);
        if (checkpoint is not null)
            trainer.Restore(checkpoint);
        lock (clip.Backend.Gate)
        {
            var (batch, step) = trainer.PrepareStep();
            var metadata = new Dictionary<string, string>
            {
                ["format"] = "anople-trace",
                ["weights_sha256"] = clip.WeightsHash,
                ["options"] = TrainingJson.Text(options),
                ["step"] = trainer.Progress.Step.ToString(System.Globalization.CultureInfo.InvariantCulture),
            };
            TraceRecorder.Write(path, clip.Backend, metadata, recorder => Record(recorder, trainer.Model, batch, step, rows, gradients));
        }
    }

    private static void Record(TraceRecorder recorder, AnopleModel model, TrainingBatch batch, TrainingStep step, int[][] rows, bool gradients)
    {
        RecordInputs(recorder, model.Clip.Config, batch, rows);
        foreach (var declaration in model.Parameters.Declarations)
            recorder.Record("param/" + declaration.Name, model.Parameters.Value(declaration.Name));
        var losses = step.Forward(recorder.Under("act/"));
        foreach (var (name, value) in new[]
                 { ("total", losses.Total), ("dice", losses.Dice), ("focal", losses.Focal), ("img", losses.Image), ("align", losses.Alignment) })
            recorder.Record("loss/" + name, new Shape(), [(float)value]);
        if (!gradients)
            return;
        step.Backward(recorder.Under("gact/"));
        foreach (var declaration in model.Parameters.Declarations)
            recorder.Record("grad/" + declaration.Name, model.Parameters.Gradient(declaration.Name));
    }

    private static void RecordInputs(TraceRecorder recorder, ClipConfig config, TrainingBatch batch, int[][] rows)
    {
        int N = batch.Samples, S = config.ImageSize, g = config.Grid, C = config.VisionWidth;
        recorder.Record("in/views", new(N, 3, S, S), batch.Pixels);
        recorder.Record("in/textures", new(N, 3, S, S), batch.Textures);
        recorder.Record("in/pix_mask", new(N, S, S), batch.PixelMask);
        recorder.Record("in/lat_mask", new(N, g, g), batch.LatentMask);
        recorder.Record("in/beta", new(N), batch.Beta);
        recorder.Record("in/lat_noise", new(N, g * g, C), batch.LatentNoise);
        recorder.Record("in/cls_noise", new(N, C), batch.ClassNoise);
        recorder.Record("in/class_index", new(batch.Images), [.. batch.ClassIndex]);
        recorder.Record("in/text_ids", new(rows.Length, config.ContextLength), [.. rows.SelectMany(row => row)]);
    }
}
