using System.Globalization;
using System.Text;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// Splits a cleaned text as CLIP's pattern does:
/// <c>&lt;\|startoftext\|&gt;|&lt;\|endoftext\|&gt;|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+</c>, ignoring case.
/// </summary>
/// <remarks>
/// Written out because .NET's regular expressions see UTF-16 halves where a letter or number outside the Basic Multilingual Plane stands.
/// The text is lower case already; what "ignoring case" still adds is U+017F (long s), which folds to s.
/// </remarks>
internal static class WordSplitter
{
    /// <summary>The special tokens, found where a word may begin.</summary>
    public const string StartOfText = "<|startoftext|>", EndOfText = "<|endoftext|>";

    private const char LongS = '\u017F';

    // In the pattern's order: the first that fits wins.
    private static readonly string[] Fixed = [StartOfText, EndOfText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private enum Kind
    {
        Space,
        Letter,
        Number,
        Symbol,
    }

    /// <summary>The words of a text, in order; white space is dropped.</summary>
    public static List<Range> Split(ReadOnlySpan<char> text)
    {
        List<Range> words = [];
        for (int i = 0; i < text.Length;)
        {
            int length = FixedLength(text[i..]);
            if (length == 0)
            {
                Kind kind = KindAt(text[i..], out length);
                // A number is one digit at a time.
                while (kind is Kind.Letter or Kind.Symbol && i + length < text.Length && KindAt(text[(i + length)..], out int more) == kind)
                    length += more;
                if (kind == Kind.Space)
                {
                    i += length;
                    continue;
                }
            }
            words.Add(i..(i + length));
            i += length;
        }
        return words;
    }

    private static int FixedLength(ReadOnlySpan<char> text)
    {
        if (text[0] is '<' or '\'')
            foreach (string word in Fixed)
                if (Fits(text, word))
                    return word.Length;
        return 0;
    }

    private static bool Fits(ReadOnlySpan<char> text, string word)
    {
        if (text.Length < word.Length)
            return false;
        for (int i = 0; i < word.Length; i++)
            if (text[i] != word[i] && !(word[i] == 's' && text[i] == LongS))
                return false;
        return true;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, out int length)
    {
        // Half a surrogate pair decodes to the replacement character, a symbol.
        Rune.DecodeFromUtf16(text, out Rune rune, out length);
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Symbol,
        };
    }
}
