using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// The vision tower of a training that does not change it (text prompts alone): the features of the normal views are computed once per
/// image and kept on the device, and only the pixel-anomalous views, which are new in every step, are encoded.
/// </summary>
internal sealed class FrozenViews : IDisposable
{
    private readonly ClipModel clip;
    private readonly Backend backend;
    private readonly SampleFeatures samples;
    private readonly Arena arena;
    private readonly VisionActivations anomalous, oneImage;
    private readonly Features[] known, normal;
    private readonly bool[] isKnown;

    /// <summary>Takes memory.</summary>
    /// <param name="clip">The model.</param>
    /// <param name="samples">Where the features go.</param>
    /// <param name="samplesPerGroup">N.</param>
    /// <param name="trainingImages">How many different images there are.</param>
    /// <param name="views">V.</param>
    public FrozenViews(ClipModel clip, SampleFeatures samples, int samplesPerGroup, int trainingImages, int views)
    {
        this.clip = clip;
        backend = clip.Backend;
        this.samples = samples;
        isKnown = new bool[trainingImages];
        int C = clip.Config.VisionWidth;
        arena = new Arena(backend);
        var all = new Features(arena.Take("frozen.cls", new(trainingImages * views, C)), arena.Take("frozen.patches", new(trainingImages * views, clip.Config.Patches, C)));
        arena.Seal();
        known = [.. Enumerable.Range(0, trainingImages).Select(i => Part(all, i, views))];
        normal = [.. Enumerable.Range(0, samplesPerGroup / views).Select(b => Part(samples.Normal, b, views))];
        anomalous = clip.Vision.CreateActivations(new VisionRequest(samplesPerGroup) { PatchTokens = true });
        oneImage = clip.Vision.CreateActivations(new VisionRequest(views) { PatchTokens = true });
    }

    /// <summary>Takes the batch: encodes the normal views of images it has not seen, and gathers those of all.</summary>
    public void Load(StepInputs inputs, TrainingBatch batch, IReadOnlyList<int> imageIndices)
    {
        for (int b = 0; b < imageIndices.Count; b++)
        {
            int image = imageIndices[b];
            var store = known[image];
            if (!isKnown[image])
            {
                inputs.WriteView(oneImage.Images, batch, b);
                clip.Vision.Forward(oneImage, PromptInjection.None);
                backend.Copy(store.Class, oneImage.ClassToken!);
                backend.Copy(store.Patches, oneImage.PatchTokens!);
                isKnown[image] = true;
            }
            backend.Copy(normal[b].Class, store.Class);
            backend.Copy(normal[b].Patches, store.Patches);
        }
        inputs.WriteImages(anomalous.Images, batch, withNormal: false);
    }

    /// <summary>Encodes the pixel-anomalous views.</summary>
    public void Forward(ActivationObserver? observer)
    {
        clip.Vision.Forward(anomalous, PromptInjection.None, observer);
        backend.Copy(samples.Pixel.Class, anomalous.ClassToken!);
        backend.Copy(samples.Pixel.Patches, anomalous.PatchTokens!);
    }

    private static Features Part(Features all, int index, int views)
    {
        int C = all.Class.Width, patches = all.Patches.Shape[1];
        return new(all.Class.View("frozen.cls", new(views, C), index * views * C),
            all.Patches.View("frozen.patches", new(views, patches, C), index * views * patches * C));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        anomalous.Dispose();
        oneImage.Dispose();
        arena.Dispose();
    }
}
