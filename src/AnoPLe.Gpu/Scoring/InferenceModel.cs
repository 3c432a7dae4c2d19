using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Decoder;
using AnoPLe.Gpu.Parameters;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// What scoring needs of a detector on the device, whatever the batch: text features, and of a trained one the prompts of the vision
/// tower, the first view's signal and the decoder. Everything that depends on parameters alone was computed once.
/// </summary>
internal sealed class InferenceModel : IDisposable
{
    private readonly Arena arena;

    /// <summary>Brings it to the device.</summary>
    /// <param name="clip">The frozen model.</param>
    /// <param name="layers">Memory layers; none for no memory.</param>
    /// <param name="textFeatures">(2K, d) unit rows.</param>
    /// <param name="smoothSigma">Smoothing of the maps.</param>
    /// <param name="trained">What training added, or null.</param>
    public InferenceModel(ClipModel clip, IReadOnlyList<int> layers, float[] textFeatures, float smoothSigma, TrainedState? trained)
    {
        Clip = clip;
        Layers = layers;
        SmoothSigma = smoothSigma;
        int d = clip.Config.EmbedDim;
        arena = new Arena(clip.Backend);
        try
        {
            Text = Take("txt.w", new(textFeatures.Length / d, d), textFeatures);
            Prompts = PromptInjection.None;
            ImageTemperature = trained?.ImageTemperature ?? clip.ImageTemperature;
            if (trained is not null)
            {
                Trained = new TrainedPart(clip, trained);
                Prompts = CreatePrompts(trained);
                if (trained.Options.ViewMode == ViewMode.Decoder)
                    DecoderSignal = Take("view.signal.0", new(1, clip.Config.VisionWidth), trained.Signal!);
            }
            arena.Seal();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The frozen model.</summary>
    public ClipModel Clip { get; }

    /// <summary>Memory layers, ascending, 1-based.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>Smoothing of the maps in pixels.</summary>
    public float SmoothSigma { get; }

    /// <summary>w, (2K, d).</summary>
    public Tensor Text { get; }

    /// <summary>Prompt and view tokens of the vision tower.</summary>
    public PromptInjection Prompts { get; }

    /// <summary>c_0 before the decoder, [1, d_v], or null.</summary>
    public Tensor? DecoderSignal { get; }

    /// <summary>tau_img.</summary>
    public float ImageTemperature { get; }

    /// <summary>The decoder, or null for a detector that was only fitted.</summary>
    public TrainedPart? Trained { get; }

    private PromptInjection CreatePrompts(TrainedState trained)
    {
        int C = Clip.Config.VisionWidth, rows = trained.Options.VisualPromptLength;
        Tensor[] layers = [.. trained.VisualPrompts.Select((values, j) => Take($"prompts.visual.{j}", new(rows, C), values))];
        var token = trained.Options.ViewMode == ViewMode.Encoder ? Take("view.token.0", new(1, C), trained.Signal!) : null;
        return new PromptInjection(layers, token);
    }

    private Tensor Take(string name, Shape shape, float[] values)
    {
        var tensor = arena.Take(name, shape);
        Clip.Backend.Write(tensor, values);
        return tensor;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Trained?.Dispose();
        arena.Dispose();
    }

    /// <summary>The trained decoder and the constants around it.</summary>
    internal sealed class TrainedPart : IDisposable
    {
        private readonly ParameterStore parameters;

        /// <summary>Brings the decoder to the device.</summary>
        public TrainedPart(ClipModel clip, TrainedState trained)
        {
            Options = trained.Options;
            var shape = new DecoderShape(clip.Config.Grid, clip.Config.VisionWidth, trained.Options.Hidden, clip.Config.EmbedDim);
            parameters = new ParameterStore(clip.Backend, [.. shape.Declare()], isTrainable: false);
            foreach (var declaration in parameters.Declarations)
                clip.Backend.Write(parameters.Value(declaration.Name), trained.Decoder[declaration.Name]);
            Decoder = new MultiViewDecoder(parameters, shape);
            Decoder.Refresh();
        }

        /// <summary>Method options.</summary>
        public TrainingOptions Options { get; }

        /// <summary>The decoder.</summary>
        public MultiViewDecoder Decoder { get; }

        /// <inheritdoc/>
        public void Dispose()
        {
            Decoder.Dispose();
            parameters.Dispose();
        }
    }
}
