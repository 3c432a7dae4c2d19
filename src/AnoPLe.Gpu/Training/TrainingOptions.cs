using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Everything that can be chosen about the method and its training; the defaults are the method's. The paper's ablations are values of
/// these properties. Source: AnoPLe, arXiv 2408.13516.
/// </summary>
public sealed record TrainingOptions
{
    /// <summary>Which towers have prompts and how they are coupled.</summary>
    public PromptMode Mode { get; init; } = PromptMode.Bidirectional;

    /// <summary>Where the view signal enters.</summary>
    public ViewMode ViewMode { get; init; } = ViewMode.Decoder;

    /// <summary>V: 5 for the whole image and its quadrants, 1 for the whole image alone.</summary>
    public int Views { get; init; } = 5;

    /// <summary>Layers with prompts; the model's towers may have fewer.</summary>
    public int Depth { get; init; } = 9;

    /// <summary>m_t, learnable text tokens per layer.</summary>
    public int TextTokens { get; init; } = 4;

    /// <summary>m_v, learnable visual tokens per layer.</summary>
    public int VisualTokens { get; init; } = 4;

    /// <summary>h, channels inside the decoder.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>Temperature of the image's log-odds; null for exp(logit_scale) of the weights.</summary>
    public float? ImageTemperature { get; init; }

    /// <summary>Temperature of the pixels' log-odds.</summary>
    public float PixelTemperature { get; init; } = 1 / 0.07f;

    /// <summary>Standard deviation of the latent noise relative to ln_post's output.</summary>
    public float NoiseSigma { get; init; } = 0.25f;

    /// <summary>Weight of latent pseudo-anomalies in the image and alignment losses.</summary>
    public float LatentGlobalWeight { get; init; } = 0.5f;

    /// <summary>Focusing exponent of the focal loss.</summary>
    public float FocalGamma { get; init; } = 2;

    /// <summary>Smoothing of the dice loss.</summary>
    public float DiceEpsilon { get; init; } = 1;

    /// <summary>Added to the mass of the alignment's weights.</summary>
    public float AlignmentEpsilon { get; init; } = 1e-6f;

    /// <summary>Treats the pooled decoder feature of the alignment loss as a constant.</summary>
    public bool DetachAlignment { get; init; }

    /// <summary>Weight of the dice loss.</summary>
    public float DiceWeight { get; init; } = 1;

    /// <summary>Weight of the focal loss.</summary>
    public float FocalWeight { get; init; } = 1;

    /// <summary>Weight of the image loss.</summary>
    public float ImageWeight { get; init; } = 1;

    /// <summary>Weight of the alignment loss; 0 leaves it out.</summary>
    public float AlignmentWeight { get; init; } = 1;

    /// <summary>Learning rate of everything but the couplings.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Learning rate of the couplings.</summary>
    public double CouplingLearningRate { get; init; } = 1e-4;

    /// <summary>Share of the learning rate that is left at the end of the cosine schedule.</summary>
    public double FinalLearningRate { get; init; } = 0.01;

    /// <summary>AdamW's memory of the mean.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's memory of the square.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>AdamW's epsilon.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay of the couplings' and the decoder's matrices.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Passes over the training images. 0 trains nothing: the detector has the initial parameters.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>Fewest optimiser steps: a few images make few steps an epoch, and a decoder from scratch needs some hundred.</summary>
    public int MinSteps { get; init; } = 400;

    /// <summary>Images per step; each gives <see cref="Views"/> views.</summary>
    public int Batch { get; init; } = 4;

    /// <summary>Least opacity of a pixel pseudo-anomaly's texture.</summary>
    public float LeastOpacity { get; init; } = 0.2f;

    /// <summary>Greatest opacity of a pixel pseudo-anomaly's texture.</summary>
    public float GreatestOpacity { get; init; } = 1;

    /// <summary>Folder of texture images for pixel pseudo-anomalies; null for other training views and procedural textures.</summary>
    public string? TextureFolder { get; init; }

    /// <summary>1-based vision blocks whose patch tokens are remembered; null for the blocks at half and at three quarters of the depth.</summary>
    public IReadOnlyList<int>? MemoryLayers { get; init; }

    /// <summary>Whether the map fuses the memory bank's distances with the decoder's.</summary>
    public bool UseMemoryBank { get; init; } = true;

    /// <summary>Added to the denominator of harmonic means.</summary>
    public float HarmonicEpsilon { get; init; } = 1e-8f;

    /// <summary>Standard deviation in pixels of the smoothing of the map at the model's image size.</summary>
    public float SmoothSigma { get; init; } = 4;

    /// <summary>Score above which an image is anomalous; null to derive it from the normal images.</summary>
    public float? Threshold { get; init; }

    /// <summary>Seed of the initial parameters, the order of the images and the pseudo-anomalies.</summary>
    public ulong Seed { get; init; }

    /// <summary>J, layers with prompts in a model: at most the shorter tower's blocks.</summary>
    public int DepthFor(ClipConfig config) => Math.Min(Depth, Math.Min(config.VisionLayers, config.TextLayers));

    /// <summary>Tokens that the text tower is given at every prompted layer.</summary>
    public int TextPromptLength => Mode.TextRows(TextTokens, VisualTokens);

    /// <summary>Tokens that the vision tower is given at every prompted layer.</summary>
    public int VisualPromptLength => Mode.VisualRows(TextTokens, VisualTokens);

    /// <summary>Optimiser steps of a training on so many images: max(epochs * steps per epoch, MinSteps), or none for 0 epochs.</summary>
    public int StepsFor(int images) => Epochs == 0 ? 0 : Math.Max(checked(Epochs * StepsPerEpoch(images)), MinSteps);

    /// <summary>Steps of one pass over so many images.</summary>
    public int StepsPerEpoch(int images) => (images + Batch - 1) / Batch;

    /// <summary>The fit's part of these options.</summary>
    internal FitOptions Fit => new() { MemoryLayers = MemoryLayers, SmoothSigma = SmoothSigma, Threshold = Threshold };

    /// <summary>Throws unless every value makes sense for this model.</summary>
    /// <exception cref="ArgumentException">A value out of its range; the message names it.</exception>
    public void Validate(ClipConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Require.That(Enum.IsDefined(Mode) && Enum.IsDefined(ViewMode), $"{Mode} and {ViewMode} are not both known modes.");
        Require.That(Views is 1 or 5, $"Views must be 5 (the image and its quadrants) or 1, got {Views}.");
        InRange(nameof(Depth), Depth, 1, 1000);
        InRange(nameof(TextTokens), TextTokens, 1, 64);
        InRange(nameof(VisualTokens), VisualTokens, 1, 64);
        InRange(nameof(Hidden), Hidden, 1, 4096);
        InRange(nameof(Epochs), Epochs, 0, 1_000_000);
        InRange(nameof(MinSteps), MinSteps, 0, 100_000_000);
        InRange(nameof(Batch), Batch, 1, 1024);
        Positive(nameof(ImageTemperature), ImageTemperature ?? 1);
        Positive(nameof(PixelTemperature), PixelTemperature);
        Positive(nameof(DiceEpsilon), DiceEpsilon);
        Positive(nameof(AlignmentEpsilon), AlignmentEpsilon);
        Positive(nameof(HarmonicEpsilon), HarmonicEpsilon);
        Positive(nameof(AdamEpsilon), AdamEpsilon);
        NotNegative(nameof(NoiseSigma), NoiseSigma);
        NotNegative(nameof(LatentGlobalWeight), LatentGlobalWeight);
        NotNegative(nameof(FocalGamma), FocalGamma);
        NotNegative(nameof(DiceWeight), DiceWeight);
        NotNegative(nameof(FocalWeight), FocalWeight);
        NotNegative(nameof(ImageWeight), ImageWeight);
        NotNegative(nameof(AlignmentWeight), AlignmentWeight);
        NotNegative(nameof(LearningRate), LearningRate);
        NotNegative(nameof(CouplingLearningRate), CouplingLearningRate);
        NotNegative(nameof(WeightDecay), WeightDecay);
        Require.That(FinalLearningRate is >= 0 and <= 1, $"FinalLearningRate is a share of the learning rate, 0 to 1, got {FinalLearningRate}.");
        Require.That(Beta1 is >= 0 and < 1 && Beta2 is >= 0 and < 1, $"Beta1 and Beta2 must be at least 0 and below 1, got {Beta1} and {Beta2}.");
        Require.That(LeastOpacity is >= 0 and <= 1 && GreatestOpacity is >= 0 and <= 1 && LeastOpacity <= GreatestOpacity,
            $"The opacity of a pseudo-anomaly must lie in 0 to 1, got {LeastOpacity} to {GreatestOpacity}.");
        Fit.LayersFor(config);
    }

    private static void InRange(string name, int value, int least, int most) =>
        Require.That(value >= least && value <= most, $"{name} must be {least} to {most}, got {value}.");

    private static void Positive(string name, double value) =>
        Require.That(double.IsFinite(value) && value > 0, $"{name} must be a positive number, got {value}.");

    private static void NotNegative(string name, double value) =>
        Require.That(double.IsFinite(value) && value >= 0, $"{name} must be a number of at least 0, got {value}.");
}
