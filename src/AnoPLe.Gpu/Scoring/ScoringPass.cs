using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Decoder;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// The memory and the order of operations from a batch of images to maps and scores: encoder with prompts, decoder, distance to the bank,
/// upsampling, harmonic mean, smoothing. Built once per batch size; a pass allocates nothing on the device. Source: SPEC section 12.
/// </summary>
internal sealed class ScoringPass : IDisposable
{
    private readonly InferenceModel model;
    private readonly VisionActivations vision;
    private readonly Arena arena;
    private readonly Tensor[] features;
    private readonly DecoderActivations? decoded;
    private readonly Tensor scratch, imageLogits, classes;
    private readonly int[] classIndices;
    private int chosenClass = -1;

    /// <summary>Takes the memory for a batch.</summary>
    /// <param name="model">The detector's part on the device.</param>
    /// <param name="batch">Images per pass.</param>
    public ScoringPass(InferenceModel model, int batch)
    {
        this.model = model;
        var config = model.Clip.Config;
        int S = config.ImageSize, g = config.Grid;
        vision = model.Clip.Activations(new VisionRequest(batch)
        {
            Taps = model.Layers, PatchTokens = model.Trained is not null, ExtraTokens = model.Prompts.ExtraTokens,
        });
        features = [.. model.Layers.Select(vision.Tap)];
        classIndices = new int[batch];
        arena = new Arena(model.Clip.Backend);
        try
        {
            MemoryGrid = arena.Take("inf.mem_grid", new(batch, g, g));
            MemoryMap = arena.Take("inf.map_memory", new(batch, S, S));
            Map = arena.Take("inf.map", new(batch, S, S));
            scratch = arena.Take("inf.scratch", new(batch, S, S));
            imageLogits = arena.Take("inf.img_logit", new(batch));
            classes = arena.Take("in.class_index", new(batch), ElementType.I32);
            if (model.Trained is { } trained)
            {
                decoded = new DecoderActivations(arena, trained.Decoder.Shape, batch);
                PixelLogits = arena.Take("inf.pix_logit", new(batch, 4 * g, 4 * g));
                DecoderMap = arena.Take("inf.map_decoder_logit", new(batch, S, S));
            }
            arena.Seal();
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>Distances to the memory by patch, (B, g, g); undefined without a memory.</summary>
    public Tensor MemoryGrid { get; }

    /// <summary>The same by pixel, (B, S, S).</summary>
    public Tensor MemoryMap { get; }

    /// <summary>The final map, (B, S, S).</summary>
    public Tensor Map { get; }

    /// <summary>r, the decoder's logits, (B, 4g, 4g); null for a detector that was only fitted.</summary>
    public Tensor? PixelLogits { get; }

    /// <summary>The same upsampled, (B, S, S).</summary>
    public Tensor? DecoderMap { get; }

    /// <summary>z_0, (B, d).</summary>
    public Tensor ClassFeature => vision.ClassFeature!;

    /// <summary>The input, (B, 3, S, S), for whoever has normalised pixels already.</summary>
    public Tensor Images => vision.Images;

    private Backend Backend => model.Clip.Backend;

    /// <summary>Encodes images.</summary>
    /// <param name="images">As many as the batch.</param>
    /// <param name="observer">Is shown every named activation, or null.</param>
    public void Encode(IReadOnlyList<RgbImage> images, ActivationObserver? observer = null)
    {
        model.Clip.Fill(vision, images);
        EncodeInput(observer);
    }

    /// <summary>Encodes what <see cref="Images"/> holds, and leaves unit features of the memory layers and the decoder's features on the device.</summary>
    public void EncodeInput(ActivationObserver? observer = null)
    {
        model.Clip.Vision.Forward(vision, model.Prompts, observer);
        foreach (var feature in features)
            Backend.L2Normalize.Forward(feature, feature);
        model.Trained?.Decoder.Forward(decoded!, vision.PatchTokens!, model.DecoderSignal, observer);
    }

    /// <summary>The unit features of the memory layers on the host, one array per layer.</summary>
    public float[][] DownloadFeatures() => [.. features.Select(Backend.Download)];

    /// <summary>Maps and scores of the images encoded last, all of one class.</summary>
    /// <param name="bank">The class's memory; null for a detector without one.</param>
    /// <param name="k">The class.</param>
    public BatchScores Score(MemoryBank? bank, int k)
    {
        ChooseClass(k);
        Backend.CosineLogits.Forward(imageLogits, ClassFeature, model.Text, classes, model.ImageTemperature);
        if (bank is not null)
        {
            bank.Distance(MemoryGrid, features);
            Backend.BilinearUpsample.Forward(MemoryMap, MemoryGrid);
        }
        if (model.Trained is { } trained)
        {
            Backend.CosineLogits.Forward(PixelLogits!, decoded!.Features, model.Text, classes, trained.Options.PixelTemperature);
            Backend.BilinearUpsample.Forward(DecoderMap!, PixelLogits!);
            Backend.FusedScore.Forward(Map, DecoderMap!, bank is null ? null : MemoryMap, trained.Options.HarmonicEpsilon);
            Backend.GaussianBlur.Forward(Map, Map, scratch, model.SmoothSigma);
        }
        else
        {
            Backend.GaussianBlur.Forward(Map, MemoryMap, scratch, model.SmoothSigma);
        }
        return Read();
    }

    /// <summary>Scores one image and records every tensor on the way. The memory's rows of this image are those of vis.Lj.out, normalised.</summary>
    public void Trace(TraceRecorder recorder, RgbImage image, MemoryBank? bank, int k)
    {
        Encode([image], recorder.Under("act/"));
        var scores = Score(bank, k);
        int S = model.Clip.Config.ImageSize;
        recorder.Record("inf/w", model.Text);
        recorder.Record("inf/z0", ClassFeature);
        if (bank is not null)
        {
            recorder.Record("inf/mem_grid", MemoryGrid);
            recorder.Record("inf/map_memory", MemoryMap);
        }
        if (PixelLogits is not null)
        {
            recorder.Record("inf/pix_logit", PixelLogits);
            Backend.FusedScore.Forward(scratch, DecoderMap!, memory: null, epsilon: 1);
            recorder.Record("inf/map_decoder", scratch);
        }
        recorder.Record("inf/map", new(1, S, S), scores.Maps);
        recorder.Record("inf/p_abnormal", new(1), scores.TextScores);
        recorder.Record("inf/score", new(1), scores.Scores);
    }

    // Writing waits for the encoder, and most passes are of the class before.
    private void ChooseClass(int k)
    {
        if (k == chosenClass)
            return;
        Array.Fill(classIndices, k);
        Backend.Write(classes, classIndices);
        chosenClass = k;
    }

    private BatchScores Read()
    {
        float[] maps = Backend.Download(Map), text = Array.ConvertAll(Backend.Download(imageLogits), logit => 1 / (1 + MathF.Exp(-logit)));
        int plane = maps.Length / text.Length;
        var scores = new float[text.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            float max = maps.AsSpan(i * plane, plane)[IndexOfMax(maps.AsSpan(i * plane, plane))];
            scores[i] = model.Trained is { } trained ? HarmonicMean(text[i], max, trained.Options.HarmonicEpsilon) : max;
        }
        return new(maps, scores, text);
    }

    // score = H(p_abn, max of the final map)
    private static float HarmonicMean(float p, float q, float epsilon) => 2 * p * q / (p + q + epsilon);

    private static int IndexOfMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
            if (!(values[i] <= values[best])) // NaN wins, so that it is noticed
                best = i;
        return best;
    }

    /// <summary>Frees what this pass owns; the vision memory belongs to the model.</summary>
    public void Dispose() => arena.Dispose();
}

/// <summary>Results of a pass.</summary>
/// <param name="Maps">B * S * S values.</param>
/// <param name="Scores">One per image.</param>
/// <param name="TextScores">p_abn, one per image.</param>
internal readonly record struct BatchScores(float[] Maps, float[] Scores, float[] TextScores);
