using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Decoder;
using AnoPLe.Gpu.Parameters;
using AnoPLe.Gpu.Prompts;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// The method's learnable part on top of a frozen CLIP: parameters, coupled prompts of both towers, decoder, and the text side, which
/// does not depend on images and is computed once per step. Source: AnoPLe, arXiv 2408.13516.
/// </summary>
internal sealed class AnopleModel : IDisposable
{
    /// <summary>Name of the view signal [V, d_v].</summary>
    public const string Signal = "view.signal";

    private readonly TextTape textTape;
    private bool textIsCurrent;

    /// <summary>Takes memory for everything but images. <see cref="ParameterStore.Initialize"/> comes next.</summary>
    /// <param name="clip">The frozen model. The caller holds its backend's gate whenever it uses this object.</param>
    /// <param name="options">Validated for the model.</param>
    /// <param name="textRows">Token rows: for class k row 2k normal, row 2k + 1 abnormal, with room for the text prompt.</param>
    public AnopleModel(ClipModel clip, TrainingOptions options, IReadOnlyList<int[]> textRows)
    {
        Clip = clip;
        Options = options;
        var config = clip.Config;
        var promptShape = new PromptShape(options.Mode, options.DepthFor(config), options.TextTokens, options.VisualTokens, config.TextWidth, config.VisionWidth);
        bool hasSignal = options.ViewMode != ViewMode.None;
        var decoderShape = new DecoderShape(config.Grid, config.VisionWidth, options.Hidden, config.EmbedDim);
        Parameters = new ParameterStore(clip.Backend, [
            .. promptShape.Declare(),
            .. hasSignal ? [new ParameterDeclaration(Signal, new(options.Views, config.VisionWidth), PromptShape.Std)] : Array.Empty<ParameterDeclaration>(),
            .. decoderShape.Declare()]);
        Prompts = new PromptLearner(Parameters, promptShape);
        Decoder = new MultiViewDecoder(Parameters, decoderShape);
        TextPrompts = new PromptInjection(Prompts.Text);
        if (options.ViewMode == ViewMode.Decoder)
            (DecoderSignal, DecoderSignalGradient) = (Parameters.Value(Signal), Parameters.Gradient(Signal));
        if (options.ViewMode == ViewMode.Encoder)
            ViewTokenGradient = AsTokens(Parameters.Gradient(Signal), options.Views);
        VisionPrompts = new PromptInjection(Prompts.Visual, options.ViewMode == ViewMode.Encoder ? AsTokens(Parameters.Value(Signal), options.Views) : null);
        textTape = clip.Text.CreateTape(textRows, TextPrompts);
        ImageTemperature = options.ImageTemperature ?? clip.ImageTemperature;
        LatentScale = options.NoiseSigma * clip.Vision.FinalNormScale;
        if (VisionIsTrained)
            clip.Vision.EnableBackward();
    }

    /// <summary>The frozen model.</summary>
    public ClipModel Clip { get; }

    /// <summary>Where it computes.</summary>
    public Backend Backend => Clip.Backend;

    /// <summary>What was chosen.</summary>
    public TrainingOptions Options { get; }

    /// <summary>Every learnable tensor.</summary>
    public ParameterStore Parameters { get; }

    /// <summary>Prompts of both towers.</summary>
    public PromptLearner Prompts { get; }

    /// <summary>The decoder.</summary>
    public MultiViewDecoder Decoder { get; }

    /// <summary>Text prompts by layer.</summary>
    public PromptInjection TextPrompts { get; }

    /// <summary>Visual prompts by layer, and the view tokens of all views when the encoder takes them.</summary>
    public PromptInjection VisionPrompts { get; }

    /// <summary>tau_img.</summary>
    public float ImageTemperature { get; }

    /// <summary>q, the standard deviation of the latent noise: noise_sigma * sqrt(mean of ln_post.weight^2).</summary>
    public float LatentScale { get; }

    /// <summary>Whether the vision tower has learnable tokens; without any it needs no backward pass, and features of images that do not change are computed once.</summary>
    public bool VisionIsTrained => VisionPrompts.ExtraTokens > 0;

    /// <summary>w, unit text features (2K, d).</summary>
    public Tensor Text => textTape.Unit;

    /// <summary>Gradient of <see cref="Text"/>, which the losses add to.</summary>
    public Tensor TextGradient => textTape.UnitGradient;

    /// <summary>View signal [V, d_v] added before the decoder, or null.</summary>
    public Tensor? DecoderSignal { get; }

    /// <summary>Its gradient, or null.</summary>
    public Tensor? DecoderSignalGradient { get; }

    /// <summary>Gradient of the view tokens (V, 1, d_v) of the vision tower, or null.</summary>
    public Tensor? ViewTokenGradient { get; }

    /// <summary>Everything that depends on the parameters alone: coupled prompts, packed decoder, text features.</summary>
    /// <param name="observer">Is shown every named activation, or null.</param>
    public void ForwardParameters(ActivationObserver? observer = null)
    {
        Prompts.Forward();
        if (observer is not null)
            for (int j = 0; j < Options.DepthFor(Clip.Config); j++)
            {
                if (Prompts.Text.Count > 0)
                    observer($"prompts.text.{j}", Prompts.Text[j]);
                if (Prompts.Visual.Count > 0)
                    observer($"prompts.visual.{j}", Prompts.Visual[j]);
            }
        Decoder.Refresh();
        // Without text prompts the text features never change.
        if (textIsCurrent && TextPrompts.Depth == 0 && observer is null)
            return;
        Clip.Text.ForwardTape(textTape, TextPrompts, observer);
        textIsCurrent = true;
    }

    /// <summary>Before a backward pass: every gradient that operations add to.</summary>
    public void ClearGradients()
    {
        Parameters.ClearGradients();
        Prompts.ClearGradients();
        Backend.Clear(TextGradient);
    }

    /// <summary>From the gradients of text features and visual prompts to those of the parameters.</summary>
    /// <param name="observer">Is shown the gradients under the activations' names, or null.</param>
    public void BackwardParameters(ActivationObserver? observer = null)
    {
        if (TextPrompts.Depth > 0)
            Clip.Text.Backward(textTape, TextPrompts, Prompts.TextGradients, observer);
        if (observer is not null)
            for (int j = 0; j < Options.DepthFor(Clip.Config); j++)
            {
                if (Prompts.Text.Count > 0)
                    observer($"prompts.text.{j}", Prompts.TextGradients[j]);
                if (Prompts.Visual.Count > 0)
                    observer($"prompts.visual.{j}", Prompts.VisualGradients[j]);
            }
        Prompts.Backward();
    }

    private static Tensor AsTokens(Tensor signal, int views) => signal.View(signal.Name + ".tokens", new(views, 1, signal.Width));

    /// <inheritdoc/>
    public void Dispose()
    {
        textTape.Dispose();
        Decoder.Dispose();
        Prompts.Dispose();
        Parameters.Dispose();
    }
}
