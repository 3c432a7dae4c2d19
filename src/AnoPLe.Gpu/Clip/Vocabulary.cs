using System.IO.Compression;
using System.Text;

namespace AnoPLe.Gpu.Clip;

/// <summary>CLIP's byte-pair vocabulary, read from the resources embedded in this assembly.</summary>
internal static class Vocabulary
{
    /// <summary>What CLIP puts behind the last symbol of a word.</summary>
    public const string EndOfWord = "</w>";

    /// <summary>The merges in rank order, each "left right".</summary>
    public static List<string> ReadMerges()
    {
        using GZipStream unpacked = new(Open("merges.txt.gz"), CompressionMode.Decompress);
        using StreamReader lines = new(unpacked, Encoding.UTF8);
        List<string> merges = new(48_894);
        lines.ReadLine(); // #version
        while (lines.ReadLine() is { Length: > 0 } line)
            merges.Add(line);
        return merges;
    }

    /// <summary>Every token with its id: 256 byte symbols, the same at a word's end, then one per merge.</summary>
    public static IEnumerable<KeyValuePair<string, int>> Tokens(IEnumerable<string> merges)
    {
        IEnumerable<string> bytes = SymbolsInIdOrder().Select(symbol => symbol.ToString());
        IEnumerable<string> merged = merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal));
        return bytes.Concat(bytes.Select(symbol => symbol + EndOfWord)).Concat(merged).Select((token, id) => KeyValuePair.Create(token, id));
    }

    /// <summary>The character that stands for each byte: itself when it is a visible Latin-1 character, else one from U+0100 on.</summary>
    public static char[] ByteSymbols()
    {
        char[] symbols = new char[256];
        int hidden = 0;
        for (int b = 0; b < 256; b++)
            symbols[b] = IsVisible(b) ? (char)b : (char)(256 + hidden++);
        return symbols;
    }

    /// <summary>An embedded file of the folder Vocabulary.</summary>
    public static Stream Open(string name) => typeof(Vocabulary).Assembly.GetManifestResourceStream("Vocabulary." + name)
        ?? throw new InvalidOperationException($"The library was built without its resource Vocabulary.{name}.");

    // Ids count the visible bytes first, then the others, both ascending.
    private static IEnumerable<char> SymbolsInIdOrder() => ByteSymbols().Order();

    private static bool IsVisible(int b) => b is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
}
