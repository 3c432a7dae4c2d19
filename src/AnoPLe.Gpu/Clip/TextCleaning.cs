using System.Globalization;
using System.Text;

namespace AnoPLe.Gpu.Clip;

/// <summary>What CLIP does to a text before it splits it into words (openai/CLIP, <c>simple_tokenizer.py</c>), without <c>ftfy</c>.</summary>
internal static class TextCleaning
{
    private const int CapitalSigma = 0x3A3, SmallSigma = 0x3C3, FinalSigma = 0x3C2, CapitalDottedI = 0x130, DotAbove = 0x307;

    /// <summary><c>html.unescape</c> twice, <c>str.strip</c>, runs of white space to one space, <c>str.lower</c>.</summary>
    public static string Clean(string text) => Lower(CollapseSpaces(Strip(HtmlEntities.Unescape(HtmlEntities.Unescape(text)))));

    // Python's str.strip also takes the four information separators, which its \s does not match.
    private static ReadOnlySpan<char> Strip(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsStripped(text[start]))
            start++;
        while (end > start && IsStripped(text[end - 1]))
            end--;
        return text.AsSpan(start, end - start);
    }

    private static bool IsStripped(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    private static string CollapseSpaces(ReadOnlySpan<char> text)
    {
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length; i++)
            if (!char.IsWhiteSpace(text[i]))
                result.Append(text[i]);
            else if (i == 0 || !char.IsWhiteSpace(text[i - 1]))
                result.Append(' ');
        return result.ToString();
    }

    /// <summary>
    /// Unicode's full lower-case mapping in no particular language. .NET maps one code point to one; the two cases where that is not enough are
    /// I with a dot (becomes two code points) and sigma at the end of a word.
    /// </summary>
    private static string Lower(string text)
    {
        if (Ascii.IsValid(text))
            return text.ToLowerInvariant();
        Rune[] runes = [.. text.EnumerateRunes()];
        StringBuilder result = new(text.Length);
        for (int i = 0; i < runes.Length; i++)
            if (runes[i].Value == CapitalDottedI)
                result.Append('i').Append((char)DotAbove);
            else if (runes[i].Value == CapitalSigma)
                result.Append((char)(EndsWord(runes, i) ? FinalSigma : SmallSigma));
            else
                result.Append(Rune.ToLowerInvariant(runes[i]).ToString());
        return result.ToString();
    }

    // Unicode, table 3-17, Final_Sigma: a cased letter before, none after, ignorable characters in between do not count.
    private static bool EndsWord(Rune[] runes, int sigma)
    {
        int before = sigma - 1, after = sigma + 1;
        while (before >= 0 && IsCaseIgnorable(runes[before]))
            before--;
        while (after < runes.Length && IsCaseIgnorable(runes[after]))
            after++;
        return before >= 0 && IsCased(runes[before]) && (after == runes.Length || !IsCased(runes[after]));
    }

    private static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    private static bool IsCaseIgnorable(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || rune.Value is '\'' or '.' or ':' or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027
            or 0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A;
}
