using AnoPLe.Gpu.Parameters;

namespace AnoPLe.Gpu.Prompts;

/// <summary>Which prompts there are and how wide.</summary>
/// <param name="Mode">Towers and directions of coupling.</param>
/// <param name="Depth">J, layers with prompts.</param>
/// <param name="TextTokens">m_t.</param>
/// <param name="VisualTokens">m_v.</param>
/// <param name="TextWidth">d_t.</param>
/// <param name="VisionWidth">d_v.</param>
internal sealed record PromptShape(PromptMode Mode, int Depth, int TextTokens, int VisualTokens, int TextWidth, int VisionWidth)
{
    /// <summary>Standard deviation of fresh prompts and signals, as MaPLe.</summary>
    public const double Std = 0.02;

    /// <summary>Rows of the text tower's prompt.</summary>
    public int TextRows => Mode.TextRows(TextTokens, VisualTokens);

    /// <summary>Rows of the vision tower's prompt.</summary>
    public int VisualRows => Mode.VisualRows(TextTokens, VisualTokens);

    /// <summary>
    /// The learnable tensors: prompt.text.j [m_t, d_t], prompt.visual.j [m_v, d_v], couple.t2v.j [d_v, d_t] and couple.v2t.j [d_t, d_v] with
    /// their biases. A coupling of variance 1 / fan_in makes a coupled token start with the same deviation as a direct one. Source: SPEC section 5.
    /// </summary>
    public IEnumerable<ParameterDeclaration> Declare()
    {
        for (int j = 0; j < Depth; j++)
        {
            if (Mode.HasText())
                yield return new($"prompt.text.{j}", new(TextTokens, TextWidth), Std);
            if (Mode.HasVisual())
                yield return new($"prompt.visual.{j}", new(VisualTokens, VisionWidth), Std);
            if (Mode.CouplesTextToVisual())
            {
                yield return new($"couple.t2v.{j}.weight", new(VisionWidth, TextWidth), 1 / Math.Sqrt(TextWidth));
                yield return new($"couple.t2v.{j}.bias", new(VisionWidth), 0);
            }
            if (Mode.CouplesVisualToText())
            {
                yield return new($"couple.v2t.{j}.weight", new(TextWidth, VisionWidth), 1 / Math.Sqrt(VisionWidth));
                yield return new($"couple.v2t.{j}.bias", new(TextWidth), 0);
            }
        }
    }
}
