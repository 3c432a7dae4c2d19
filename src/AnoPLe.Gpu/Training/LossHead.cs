using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Decoder;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// From the decoder's features and z_0 to the four losses and back. Pixels: r = tau_pix unit(D) . Delta, A = upsample(r), dice and focal
/// on A; image: b = tau_img unit(z_0) . Delta, cross entropy; alignment of z_0 with the features where r is high. Source: SPEC sections 8 to 10.
/// </summary>
internal sealed class LossHead
{
    private readonly AnopleModel model;
    private readonly Backend backend;
    private readonly StepInputs inputs;
    private readonly SampleFeatures samples;
    private readonly DecoderActivations decoded;
    private readonly DecoderGradients decodedGradients;
    private readonly int samplesInAll;
    private readonly Tensor pixelLogits, pixelLogitsGradient, upsampled, upsampledGradient, probability, imageLogits, imageLogitsGradient;
    private readonly Tensor losses, dice, focal, image, alignment, diceSums, pooled, mass;
    private readonly float[] lossValues;

    /// <summary>Takes memory from an arena.</summary>
    public LossHead(Arena arena, AnopleModel model, StepInputs inputs, SampleFeatures samples, DecoderActivations decoded, DecoderGradients decodedGradients)
    {
        this.model = model;
        backend = model.Backend;
        this.inputs = inputs;
        this.samples = samples;
        this.decoded = decoded;
        this.decodedGradients = decodedGradients;
        int M = samplesInAll = decoded.Features.Shape[0], G = decoded.Features.Shape[1], S = model.Clip.Config.ImageSize, d = decoded.Features.Width;
        pixelLogits = arena.Take("pix.logit", new(M, G, G));
        pixelLogitsGradient = arena.Take("grad.pix.logit", new(M, G, G));
        upsampled = arena.Take("pix.logit_up", new(M, S, S));
        upsampledGradient = arena.Take("grad.pix.logit_up", new(M, S, S));
        probability = upsampledGradient.View("pix.prob", new(M, S, S)); // written for observers alone, before the gradient is
        imageLogits = arena.Take("img.logit", new(M));
        imageLogitsGradient = arena.Take("grad.img.logit", new(M));
        losses = arena.Take("loss", new(4, M));
        dice = losses.View("loss.dice", new(M));
        focal = losses.View("loss.focal", new(M), M);
        image = losses.View("loss.img", new(M), 2 * M);
        alignment = losses.View("loss.align", new(M), 3 * M);
        diceSums = arena.Take("loss.dice_sums", new(M, 2));
        pooled = arena.Take("align.s", new(M, d));
        mass = arena.Take("align.mass", new(M));
        lossValues = new float[4 * M];
    }

    private TrainingOptions Options => model.Options;

    private float DiceScale => Options.DiceWeight / samplesInAll;

    private float FocalScale => Options.FocalWeight / samplesInAll;

    private float ImageScale => (float)(Options.ImageWeight / inputs.WeightSum);

    private float AlignmentScale => (float)(Options.AlignmentWeight / inputs.WeightSum);

    /// <summary>Computes and reads the losses.</summary>
    public StepLosses Forward(ActivationObserver? observer)
    {
        backend.CosineLogits.Forward(pixelLogits, decoded.Features, model.Text, inputs.Classes, Options.PixelTemperature);
        observer?.Invoke("pix.logit", pixelLogits);
        backend.BilinearUpsample.Forward(upsampled, pixelLogits);
        observer?.Invoke("pix.logit_up", upsampled);
        if (observer is not null)
        {
            backend.FusedScore.Forward(probability, upsampled, memory: null, epsilon: 1);
            observer("pix.prob", probability);
        }
        backend.Dice.Forward(dice, diceSums, upsampled, inputs.Masks, Options.DiceEpsilon);
        backend.Focal.Forward(focal, upsampled, inputs.Masks, Options.FocalGamma);
        backend.CosineLogits.Forward(imageLogits, samples.ClassFeature, model.Text, inputs.Classes, model.ImageTemperature);
        observer?.Invoke("img.logit", imageLogits);
        backend.CrossEntropy.Forward(image, imageLogits, inputs.Labels, inputs.Weights);
        backend.Alignment.Forward(alignment, pooled, mass, samples.ClassFeature, decoded.Features, pixelLogits, inputs.Weights, Options.AlignmentEpsilon);
        observer?.Invoke("align.s", pooled);
        backend.Read(losses, lossValues);
        double diceLoss = Sum(0) / samplesInAll, focalLoss = Sum(1) / samplesInAll, imageLoss = Sum(2) / inputs.WeightSum, alignmentLoss = Sum(3) / inputs.WeightSum;
        return new StepLosses(Options.DiceWeight * diceLoss + Options.FocalWeight * focalLoss + Options.ImageWeight * imageLoss + Options.AlignmentWeight * alignmentLoss,
            diceLoss, focalLoss, imageLoss, alignmentLoss);
    }

    /// <summary>Fills the gradients of the decoder's features, of z_0 and of the text features.</summary>
    public void Backward(ActivationObserver? observer)
    {
        backend.Clear(upsampledGradient);
        backend.Dice.BackwardInput(upsampledGradient, upsampled, inputs.Masks, diceSums, Options.DiceEpsilon, DiceScale);
        backend.Focal.BackwardInput(upsampledGradient, upsampled, inputs.Masks, Options.FocalGamma, FocalScale);
        observer?.Invoke("pix.logit_up", upsampledGradient);
        backend.Clear(pixelLogitsGradient);
        backend.BilinearUpsample.BackwardInput(pixelLogitsGradient, upsampledGradient);
        backend.Clear(samples.ClassFeatureGradient);
        backend.Clear(decodedGradients.Features);
        // The alignment adds to dr, so it comes before dr is used.
        if (Options.AlignmentWeight > 0)
            backend.Alignment.BackwardInput(samples.ClassFeatureGradient, decodedGradients.Features, pixelLogitsGradient, samples.ClassFeature, decoded.Features,
                pixelLogits, inputs.Weights, pooled, mass, AlignmentScale, Options.DetachAlignment);
        observer?.Invoke("pix.logit", pixelLogitsGradient);
        backend.CosineLogits.BackwardInput(decodedGradients.Features, pixelLogitsGradient, decoded.Features, model.Text, inputs.Classes, Options.PixelTemperature);
        backend.CosineLogits.BackwardText(model.TextGradient, pixelLogitsGradient, decoded.Features, inputs.Classes, Options.PixelTemperature);
        backend.Clear(imageLogitsGradient);
        backend.CrossEntropy.BackwardInput(imageLogitsGradient, imageLogits, inputs.Labels, inputs.Weights, ImageScale);
        observer?.Invoke("img.logit", imageLogitsGradient);
        backend.CosineLogits.BackwardInput(samples.ClassFeatureGradient, imageLogitsGradient, samples.ClassFeature, model.Text, inputs.Classes, model.ImageTemperature);
        backend.CosineLogits.BackwardText(model.TextGradient, imageLogitsGradient, samples.ClassFeature, inputs.Classes, model.ImageTemperature);
    }

    private double Sum(int row)
    {
        double sum = 0;
        for (int n = 0; n < samplesInAll; n++)
            sum += lossValues[row * samplesInAll + n];
        return sum;
    }
}
