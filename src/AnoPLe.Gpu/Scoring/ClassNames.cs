using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Scoring;

/// <summary>Names of products and the token rows that describe them. Source: SPEC section 4.</summary>
internal static class ClassNames
{
    // CLIP's texts are captions; a longer name is a mistake, and most would not fit its context anyway.
    private const int MaxLength = 200;

    /// <summary>The name in plain words: "_" counts as a space.</summary>
    /// <exception cref="ArgumentException">Empty or too long.</exception>
    public static string Clean(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string clean = name.Replace('_', ' ').Trim();
        Require.That(clean.Length > 0, $"The class name is empty. Name the product in plain words, for instance \"metal nut\".");
        Require.That(clean.Length <= MaxLength,
            $"The class name has {clean.Length} characters, expected at most {MaxLength}. Name the product in a few plain words.");
        return clean;
    }

    /// <summary>Row 2k "NAME", row 2k + 1 "abnormal NAME", each behind as many placeholders as the text prompt has tokens.</summary>
    /// <exception cref="ArgumentException">A name that is too long for the model's context.</exception>
    public static int[][] TokenRows(IEnumerable<string> names, int promptLength, ClipConfig config) =>
        [.. names.SelectMany(name => new[] { name, "abnormal " + name }).Select(text => Tokenizer.Clip.Row(promptLength, text, config.ContextLength))];
}
