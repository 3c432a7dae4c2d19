using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Prompts;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// The memory and the order of operations from a batch of images to maps and scores: encoder, distance to the bank, upsampling,
/// smoothing, zero-shot text score. Built once per batch size; a pass allocates nothing on the device.
/// </summary>
internal sealed class ScoringPass : IDisposable
{
    private readonly ClipModel clip;
    private readonly VisionActivations vision;
    private readonly Arena arena;
    private readonly Tensor distance, map, scratch, textLogits, text, classes;
    private readonly Tensor[] features;

    /// <summary>Takes the memory for a batch.</summary>
    /// <param name="clip">The model.</param>
    /// <param name="layers">Memory layers.</param>
    /// <param name="textFeatures">(2, d) unit rows: normal, abnormal.</param>
    /// <param name="batch">Images per pass.</param>
    public ScoringPass(ClipModel clip, IReadOnlyList<int> layers, float[] textFeatures, int batch)
    {
        this.clip = clip;
        Batch = batch;
        int S = clip.Config.ImageSize, g = clip.Config.Grid;
        vision = clip.Activations(new VisionRequest(batch) { Taps = layers });
        features = [.. layers.Select(vision.Tap)];
        arena = new Arena(clip.Backend);
        try
        {
            distance = arena.Take("mem.grid", new(batch, g, g));
            map = arena.Take("mem.map", new(batch, S, S));
            scratch = arena.Take("mem.scratch", new(batch, S, S));
            textLogits = arena.Take("img.logit", new(batch));
            text = arena.Take("txt.w", new(2, clip.Config.EmbedDim));
            classes = arena.Take("in.class_index", new(batch), ElementType.I32);
            arena.Seal();
            clip.Backend.Write(text, textFeatures);
            clip.Backend.Write(classes, new int[batch]);
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>Images per pass.</summary>
    public int Batch { get; }

    /// <summary>Where it computes.</summary>
    public Backend Backend => clip.Backend;

    /// <summary>Puts unit features, one array per layer, where <see cref="Encode"/> leaves them.</summary>
    public void Upload(float[][] unitRows)
    {
        for (int l = 0; l < features.Length; l++)
            clip.Backend.Write(features[l], unitRows[l]);
    }

    /// <summary>Encodes images and leaves the unit features of the memory layers on the device.</summary>
    public void Encode(IReadOnlyList<RgbImage> images)
    {
        clip.Fill(vision, images);
        clip.Vision.Forward(vision, PromptInjection.None);
        foreach (var feature in features)
            clip.Backend.L2Normalize.Forward(feature, feature);
    }

    /// <summary>The unit features on the host, one array per layer.</summary>
    public float[][] Download() => [.. features.Select(clip.Backend.Download)];

    /// <summary>Maps of the features that <see cref="Encode"/> or <see cref="Upload"/> left: Batch * S * S values.</summary>
    public float[] Maps(MemoryBank bank, float smoothSigma)
    {
        bank.Distance(distance, features);
        clip.Backend.BilinearUpsample.Forward(map, distance);
        clip.Backend.GaussianBlur.Forward(map, map, scratch, smoothSigma);
        return clip.Backend.Download(map);
    }

    /// <summary>Zero-shot probabilities of "abnormal" of the images encoded last.</summary>
    public float[] TextScores()
    {
        clip.Backend.CosineLogits.Forward(textLogits, vision.ClassFeature!, text, classes, clip.ImageTemperature);
        return Array.ConvertAll(clip.Backend.Download(textLogits), logit => 1 / (1 + MathF.Exp(-logit)));
    }

    /// <summary>Frees what this pass owns; the vision memory belongs to the model.</summary>
    public void Dispose() => arena.Dispose();
}
