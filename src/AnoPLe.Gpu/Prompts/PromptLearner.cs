using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Parameters;

namespace AnoPLe.Gpu.Prompts;

/// <summary>
/// The prompts of all layers and their coupling in both directions: P~_j^t = [P_j^t ; P_j^v W_v2t^T + b], P~_j^v = [P_j^v ; P_j^t W_t2v^T + b].
/// Sources: AnoPLe, arXiv 2408.13516; MaPLe, arXiv 2210.03117; SPEC sections 5 and 10.
/// </summary>
internal sealed class PromptLearner : IDisposable
{
    private readonly Backend backend;
    private readonly Arena arena;
    private readonly List<Layer> layers = [];

    /// <summary>Takes memory for the coupled prompts and their gradients.</summary>
    /// <param name="parameters">Holds what <see cref="PromptShape.Declare"/> names.</param>
    /// <param name="shape">Which prompts there are.</param>
    public PromptLearner(ParameterStore parameters, PromptShape shape)
    {
        backend = parameters.Backend;
        arena = new Arena(backend);
        try
        {
            for (int j = 0; j < shape.Depth; j++)
                layers.Add(new Layer(parameters, arena, shape, j));
            arena.Seal();
        }
        catch
        {
            Dispose();
            throw;
        }
        Text = shape.TextRows > 0 ? [.. layers.Select(layer => layer.Text!)] : [];
        Visual = shape.VisualRows > 0 ? [.. layers.Select(layer => layer.Visual!)] : [];
        TextGradients = shape.TextRows > 0 ? [.. layers.Select(layer => layer.TextGradient!)] : [];
        VisualGradients = shape.VisualRows > 0 ? [.. layers.Select(layer => layer.VisualGradient!)] : [];
    }

    /// <summary>P~_j^t by layer; none in a mode without text prompts.</summary>
    public IReadOnlyList<Tensor> Text { get; }

    /// <summary>P~_j^v by layer; none in a mode without visual prompts.</summary>
    public IReadOnlyList<Tensor> Visual { get; }

    /// <summary>Gradients of <see cref="Text"/>, which the text tower's backward pass adds to.</summary>
    public IReadOnlyList<Tensor> TextGradients { get; }

    /// <summary>Gradients of <see cref="Visual"/>, which the vision tower's backward pass adds to.</summary>
    public IReadOnlyList<Tensor> VisualGradients { get; }

    /// <summary>Builds every layer's prompts from the parameters.</summary>
    public void Forward()
    {
        foreach (var layer in layers)
        {
            layer.TextToVisual?.Refresh();
            layer.VisualToText?.Refresh();
            if (layer.OwnText is { } text)
                backend.Copy(text.Rows, text.Parameter);
            if (layer.OwnVisual is { } visual)
                backend.Copy(visual.Rows, visual.Parameter);
            layer.TextToVisual?.Forward(layer.CoupledVisual!, layer.OwnText!.Parameter);
            layer.VisualToText?.Forward(layer.CoupledText!, layer.OwnVisual!.Parameter);
        }
    }

    /// <summary>Clears the gradients of the coupled prompts, before the towers' backward passes.</summary>
    public void ClearGradients()
    {
        for (int j = 0; j < TextGradients.Count; j++)
            backend.Clear(TextGradients[j]);
        for (int j = 0; j < VisualGradients.Count; j++)
            backend.Clear(VisualGradients[j]);
    }

    /// <summary>Splits the gradients into direct and coupled rows (E): v2t gives dW += E^T P^v, db += sum E, dP^v += E W; t2v likewise.</summary>
    public void Backward()
    {
        foreach (var layer in layers)
        {
            // dP += its own rows: the additive gradient of a copy.
            if (layer.OwnText is { } text)
                backend.LatentNoise.BackwardInput(text.Gradient, text.RowsGradient);
            if (layer.OwnVisual is { } visual)
                backend.LatentNoise.BackwardInput(visual.Gradient, visual.RowsGradient);
            if (layer.TextToVisual is { } t2v)
            {
                t2v.BackwardParameters(layer.CoupledVisualGradient!, layer.OwnText!.Parameter);
                t2v.BackwardInput(layer.OwnText.Gradient, layer.CoupledVisualGradient!, accumulate: true);
            }
            if (layer.VisualToText is { } v2t)
            {
                v2t.BackwardParameters(layer.CoupledTextGradient!, layer.OwnVisual!.Parameter);
                v2t.BackwardInput(layer.OwnVisual.Gradient, layer.CoupledTextGradient!, accumulate: true);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in layers)
        {
            layer.TextToVisual?.Dispose();
            layer.VisualToText?.Dispose();
        }
        arena.Dispose();
    }

    /// <summary>A tower's own prompt of one layer, and where it stands in the coupled one: its first rows.</summary>
    private sealed record Own(Tensor Parameter, Tensor Gradient, Tensor Rows, Tensor RowsGradient);

    private sealed class Layer
    {
        public Layer(ParameterStore parameters, Arena arena, PromptShape shape, int j)
        {
            var mode = shape.Mode;
            int text = shape.TextWidth, vision = shape.VisionWidth;
            if (mode.HasText())
            {
                (Text, TextGradient) = Take(arena, $"prompts.text.{j}", shape.TextRows, text);
                OwnText = OwnRows(parameters, $"prompt.text.{j}", Text, TextGradient, shape.TextTokens);
            }
            if (mode.HasVisual())
            {
                (Visual, VisualGradient) = Take(arena, $"prompts.visual.{j}", shape.VisualRows, vision);
                OwnVisual = OwnRows(parameters, $"prompt.visual.{j}", Visual, VisualGradient, shape.VisualTokens);
            }
            if (mode.CouplesTextToVisual())
            {
                TextToVisual = new TrainableLinear(parameters, $"couple.t2v.{j}.weight", $"couple.t2v.{j}.bias", vision, text);
                CoupledVisual = Rest(Visual!, shape.VisualTokens);
                CoupledVisualGradient = Rest(VisualGradient!, shape.VisualTokens);
            }
            if (mode.CouplesVisualToText())
            {
                VisualToText = new TrainableLinear(parameters, $"couple.v2t.{j}.weight", $"couple.v2t.{j}.bias", text, vision);
                CoupledText = Rest(Text!, shape.TextTokens);
                CoupledTextGradient = Rest(TextGradient!, shape.TextTokens);
            }
        }

        public Tensor? Text { get; }

        public Tensor? TextGradient { get; }

        public Tensor? Visual { get; }

        public Tensor? VisualGradient { get; }

        public Own? OwnText { get; }

        public Own? OwnVisual { get; }

        public Tensor? CoupledText { get; }

        public Tensor? CoupledTextGradient { get; }

        public Tensor? CoupledVisual { get; }

        public Tensor? CoupledVisualGradient { get; }

        public TrainableLinear? TextToVisual { get; }

        public TrainableLinear? VisualToText { get; }

        private static (Tensor, Tensor) Take(Arena arena, string name, int rows, int width) =>
            (arena.Take(name, new(rows, width)), arena.Take("grad." + name, new(rows, width)));

        private static Own OwnRows(ParameterStore parameters, string name, Tensor rows, Tensor gradient, int count) => new(
            parameters.Value(name), parameters.Gradient(name),
            rows.View(rows.Name + ".own", new(count, rows.Width)), gradient.View(gradient.Name + ".own", new(count, rows.Width)));

        private static Tensor Rest(Tensor rows, int own) =>
            rows.View(rows.Name + ".coupled", new(rows.Rows - own, rows.Width), own * rows.Width);
    }
}
