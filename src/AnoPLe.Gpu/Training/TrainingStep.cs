using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Decoder;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Forward and backward pass of one optimiser step for a number of images B, with all its memory: N = B V samples in three groups,
/// normal, pixel-anomalous and latent-anomalous. The first two go through the vision tower; the third reuses the first one's output.
/// Sources: AnoPLe, arXiv 2408.13516; SPEC sections 9 and 10.
/// </summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly AnopleModel model;
    private readonly Backend backend;
    private readonly Arena arena;
    private readonly int N;
    private readonly SampleFeatures samples;
    private readonly StepInputs inputs;
    private readonly DecoderActivations decoded;
    private readonly DecoderGradients decodedGradients;
    private readonly LossHead head;
    private readonly (SampleGroups Class, SampleGroups Patches) gradientGroups;
    private readonly VisionTape? tape;
    private readonly FrozenViews? frozen;

    /// <summary>Takes memory.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="images">B.</param>
    /// <param name="trainingImages">How many different images there are, for features that are computed once.</param>
    public TrainingStep(AnopleModel model, int images, int trainingImages)
    {
        this.model = model;
        backend = model.Backend;
        N = images * model.Options.Views;
        arena = new Arena(backend);
        try
        {
            samples = new SampleFeatures(arena, model.Clip.Config, N);
            inputs = new StepInputs(arena, model, images);
            decoded = new DecoderActivations(arena, model.Decoder.Shape, 3 * N);
            decodedGradients = new DecoderGradients(arena, decoded);
            head = new LossHead(arena, model, inputs, samples, decoded, decodedGradients);
            gradientGroups = (samples.Split(samples.ClassGradient), samples.Split(decodedGradients.Input));
            arena.Seal();
            if (model.VisionIsTrained)
                tape = model.Clip.Vision.CreateTape(2 * N, model.VisionPrompts.ExtraTokens);
            else
                frozen = new FrozenViews(model.Clip, samples, N, trainingImages, model.Options.Views);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Brings a batch to the device.</summary>
    /// <param name="batch">B images, their views and everything random.</param>
    /// <param name="imageIndices">Which training images these are.</param>
    public void Load(TrainingBatch batch, IReadOnlyList<int> imageIndices)
    {
        inputs.Load(batch);
        if (tape is not null)
            inputs.WriteImages(tape.Images, batch, withNormal: true);
        else
            frozen!.Load(inputs, batch, imageIndices);
    }

    /// <summary>From parameters and batch to the losses.</summary>
    /// <param name="observer">Is shown every named activation, or null.</param>
    public StepLosses Forward(ActivationObserver? observer = null)
    {
        model.ForwardParameters(observer);
        if (tape is not null)
        {
            observer?.Invoke("in.images", tape.Images);
            model.Clip.Vision.ForwardTape(tape, model.VisionPrompts, samples.Towers.Class, samples.Towers.Patches, observer);
        }
        else
        {
            frozen!.Forward(observer);
        }
        backend.LatentNoise.Forward(samples.Latent.Class, samples.Normal.Class, inputs.ClassNoise, mask: null, model.LatentScale);
        backend.LatentNoise.Forward(samples.Latent.Patches, samples.Normal.Patches, inputs.PatchNoise, inputs.LatentMask, model.LatentScale);
        observer?.Invoke("smp.cls", samples.All.Class);
        observer?.Invoke("smp.patches", samples.All.Patches);
        model.Clip.Vision.Project(samples.ClassFeature, samples.All.Class);
        observer?.Invoke("smp.z0", samples.ClassFeature);
        model.Decoder.Forward(decoded, samples.All.Patches, model.DecoderSignal, observer);
        return head.Forward(observer);
    }

    /// <summary>From the losses to the gradient of every parameter.</summary>
    /// <param name="observer">Is shown the gradients under the activations' names, or null.</param>
    public void Backward(ActivationObserver? observer = null)
    {
        model.ClearGradients();
        head.Backward(observer);
        model.Decoder.Backward(decodedGradients, decoded, model.DecoderSignalGradient, observer);
        if (tape is not null)
            BackwardVision(tape, observer);
        model.BackwardParameters(observer);
    }

    private void BackwardVision(VisionTape tape, ActivationObserver? observer)
    {
        model.Clip.Vision.ProjectBackward(samples.ClassGradient, samples.ClassFeatureGradient);
        observer?.Invoke("smp.z0", samples.ClassFeatureGradient);
        observer?.Invoke("smp.cls", samples.ClassGradient);
        observer?.Invoke("smp.patches", decodedGradients.Input);
        // The latent noise is additive: group 3's gradients join those of group 1, whose output it reuses.
        var (cls, patches) = gradientGroups;
        backend.LatentNoise.BackwardInput(cls.Normal, cls.Latent);
        backend.LatentNoise.BackwardInput(patches.Normal, patches.Latent);
        model.Clip.Vision.Backward(tape, model.VisionPrompts, cls.Towers, patches.Towers, model.Prompts.VisualGradients,
            model.ViewTokenGradient, observer);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        tape?.Dispose();
        frozen?.Dispose();
        arena.Dispose();
    }
}
