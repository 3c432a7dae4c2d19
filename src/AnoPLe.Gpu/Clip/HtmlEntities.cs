using System.Globalization;
using System.Text;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// HTML character references to characters, by the rules of the HTML standard as Python's <c>html.unescape</c> applies them: the semicolon
/// may be missing for old names, the longest known name counts, and numbers that name no character become U+FFFD or vanish.
/// (<see cref="System.Net.WebUtility"/> knows a tenth of the names and none of these rules.)
/// </summary>
internal static class HtmlEntities
{
    private const int LongestName = 32; // in code points, semicolon not counted

    // What browsers take 128 to 159 for: Windows-1252. The five holes stay as they are.
    private const string Windows1252 =
        "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f"
        + "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

    private static readonly Lazy<Dictionary<string, string>> Names = new(ReadNames);

    /// <summary>The text with every reference replaced, once.</summary>
    public static string Unescape(string text)
    {
        int at = text.IndexOf('&', StringComparison.Ordinal);
        if (at < 0)
            return text;
        StringBuilder result = new(text.Length);
        int copied = 0;
        while (at >= 0)
        {
            result.Append(text, copied, at - copied);
            copied = at + Replace(text.AsSpan(at), result);
            at = copied < text.Length ? text.IndexOf('&', copied) : -1;
        }
        return result.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>Appends what stands for the reference at the start of the text (an ampersand); returns how many characters it took.</summary>
    private static int Replace(ReadOnlySpan<char> text, StringBuilder result)
    {
        if (text.Length >= 2 && text[1] == '#')
        {
            bool hex = text.Length >= 3 && text[2] is 'x' or 'X';
            int start = hex ? 3 : 2, end = start;
            long number = 0;
            for (; end < text.Length && (hex ? char.IsAsciiHexDigit(text[end]) : char.IsAsciiDigit(text[end])); end++)
                number = Math.Min(number * (hex ? 16 : 10) + Convert.ToInt32(text[end].ToString(), 16), int.MaxValue);
            if (end > start)
            {
                AppendNumber((int)number, result);
                return end < text.Length && text[end] == ';' ? end + 1 : end;
            }
            result.Append('&');
            return 1;
        }
        int length = 1 + NameLength(text[1..]);
        AppendName(text[1..length], result);
        return length;
    }

    private static void AppendNumber(int number, StringBuilder result)
    {
        if (number is >= 0x80 and <= 0x9F)
            result.Append(Windows1252[number - 0x80]);
        else if (number == 0 || !Rune.IsValid(number))
            result.Append('\uFFFD');
        else if (!IsDropped(number))
            result.Append(new Rune(number).ToString());
    }

    // Control characters other than tab, line feed, form feed and carriage return, and the code points that never are characters.
    private static bool IsDropped(int number) =>
        number is (< 0x20 and not (0x09 or 0x0A or 0x0C or 0x0D)) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;

    private static int NameLength(ReadOnlySpan<char> text)
    {
        int length = 0;
        for (int points = 0; points < LongestName && length < text.Length && !"\t\n\f <&#;".Contains(text[length], StringComparison.Ordinal); points++)
            length += char.IsHighSurrogate(text[length]) && length + 1 < text.Length && char.IsLowSurrogate(text[length + 1]) ? 2 : 1;
        return length > 0 && length < text.Length && text[length] == ';' ? length + 1 : length;
    }

    private static void AppendName(ReadOnlySpan<char> name, StringBuilder result)
    {
        var names = Names.Value.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int length = name.Length; length > 1; length--)
            if (names.TryGetValue(name[..length], out string? value))
            {
                result.Append(value).Append(name[length..]);
                return;
            }
        result.Append('&').Append(name);
    }

    private static Dictionary<string, string> ReadNames()
    {
        Dictionary<string, string> names = new(2400, StringComparer.Ordinal);
        using StreamReader lines = new(Vocabulary.Open("html5-entities.txt"));
        while (lines.ReadLine() is { } line)
        {
            string[] parts = line.Split(' ');
            IEnumerable<int> codes = parts.Skip(1).Select(code => int.Parse(code, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            names.Add(parts[0], string.Concat(codes.Select(char.ConvertFromUtf32)));
        }
        return names;
    }
}
