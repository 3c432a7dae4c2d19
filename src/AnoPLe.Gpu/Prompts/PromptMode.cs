namespace AnoPLe.Gpu.Prompts;

/// <summary>Which towers have learnable prompts, and in which direction they are coupled. Source: AnoPLe, arXiv 2408.13516; SPEC section 5.</summary>
public enum PromptMode
{
    /// <summary>Prompts in both towers, each coupled into the other: the method.</summary>
    Bidirectional,

    /// <summary>Prompts in both towers, the text prompts coupled into the vision tower (MaPLe's direction).</summary>
    TextToVisual,

    /// <summary>Prompts in both towers, the visual prompts coupled into the text tower.</summary>
    VisualToText,

    /// <summary>Text prompts alone; the vision tower is plain CLIP.</summary>
    TextOnly,

    /// <summary>Visual prompts alone; the text tower is plain CLIP.</summary>
    VisualOnly,
}

/// <summary>What a mode implies.</summary>
public static class PromptModes
{
    /// <summary>Whether the text tower has learnable prompts.</summary>
    public static bool HasText(this PromptMode mode) => mode != PromptMode.VisualOnly;

    /// <summary>Whether the vision tower has learnable prompts.</summary>
    public static bool HasVisual(this PromptMode mode) => mode != PromptMode.TextOnly;

    /// <summary>Tokens that the text tower is given at every prompted layer: its own, then the coupled visual ones.</summary>
    public static int TextRows(this PromptMode mode, int textTokens, int visualTokens) =>
        !mode.HasText() ? 0 : textTokens + (mode.CouplesVisualToText() ? visualTokens : 0);

    /// <summary>Tokens that the vision tower is given at every prompted layer: its own, then the coupled text ones.</summary>
    public static int VisualRows(this PromptMode mode, int textTokens, int visualTokens) =>
        !mode.HasVisual() ? 0 : visualTokens + (mode.CouplesTextToVisual() ? textTokens : 0);

    /// <summary>Whether text prompts are coupled into the vision tower.</summary>
    public static bool CouplesTextToVisual(this PromptMode mode) => mode is PromptMode.Bidirectional or PromptMode.TextToVisual;

    /// <summary>Whether visual prompts are coupled into the text tower.</summary>
    public static bool CouplesVisualToText(this PromptMode mode) => mode is PromptMode.Bidirectional or PromptMode.VisualToText;
}
