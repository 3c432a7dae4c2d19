using System.Text;
using AnoPLe.Gpu.Compute;
using Microsoft.ML.Tokenizers;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// CLIP's byte-pair tokenizer: text to the ids that the text tower reads. The same ids as openai/CLIP's <c>SimpleTokenizer</c>
/// (Radford et al., arXiv 2103.00020), which open_clip and Hugging Face share. Immutable and thread-safe.
/// </summary>
/// <remarks>
/// <para>A text is cleaned (HTML references resolved twice, ends stripped, white space collapsed, full Unicode lower case), split into words, and
/// each word's UTF-8 bytes are merged by rank; the merging is done by Microsoft.ML.Tokenizers. <c>&lt;|startoftext|&gt;</c> and
/// <c>&lt;|endoftext|&gt;</c> inside a text become the special ids.</para>
/// <para><b>Difference:</b> openai/CLIP first repairs the text with <c>ftfy.fix_text</c>; this class does not. Plain text is not affected. Where the
/// repair would change something, ids differ: wrongly decoded UTF-8 ("FaÃ§ade"), curly quotes (ftfy makes them straight), ligatures and
/// full-width forms (ftfy expands them), control characters and terminal escapes (ftfy drops them), letters with separate combining accents
/// (ftfy composes them: NFC). Repair such texts before they get here. Letters added to Unicode after version 14 count as letters here and
/// as symbols in an older Python.</para>
/// </remarks>
public sealed class Tokenizer
{
    /// <summary>Id that begins every row: <c>&lt;|startoftext|&gt;</c>.</summary>
    public const int StartOfText = 49406;

    /// <summary>Id that ends every row, and the position whose feature CLIP takes: <c>&lt;|endoftext|&gt;</c>.</summary>
    public const int EndOfText = 49407;

    /// <summary>Number of ids.</summary>
    public const int VocabularySize = 49408;

    /// <summary>Row length of every published CLIP.</summary>
    public const int DefaultContextLength = 77;

    private static readonly Lazy<Tokenizer> Shared = new(() => new Tokenizer());

    private readonly BpeTokenizer pairs;
    private readonly char[] symbols = Vocabulary.ByteSymbols();

    private Tokenizer()
    {
        List<string> merges = Vocabulary.ReadMerges();
        pairs = BpeTokenizer.Create(new BpeOptions(Vocabulary.Tokens(merges)) { Merges = merges, EndOfWordSuffix = Vocabulary.EndOfWord });
    }

    /// <summary>The tokenizer of the published CLIP models; made from the embedded vocabulary on first use.</summary>
    public static Tokenizer Clip => Shared.Value;

    /// <summary>The ids of a text, without start and end.</summary>
    /// <param name="text">Any text; empty and white space give no ids.</param>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string clean = TextCleaning.Clean(text);
        List<int> ids = new(clean.Length / 4 + 1);
        foreach (Range range in WordSplitter.Split(clean))
        {
            ReadOnlySpan<char> word = clean.AsSpan(range);
            if (word.SequenceEqual(WordSplitter.StartOfText))
                ids.Add(StartOfText);
            else if (word.SequenceEqual(WordSplitter.EndOfText))
                ids.Add(EndOfText);
            else
                ids.AddRange(pairs.EncodeToIds(BytesAsSymbols(word), considerPreTokenization: false, considerNormalization: false));
        }
        return [.. ids];
    }

    /// <summary>
    /// One row of the text tower's input: start, the text's ids, end, zeros. A text that is too long is cut and its last id becomes the end, as
    /// openai/CLIP's <c>tokenize(…, truncate=True)</c> does.
    /// </summary>
    /// <param name="text">Any text.</param>
    /// <param name="contextLength">T, length of the row, at least 2.</param>
    /// <returns>[T].</returns>
    /// <exception cref="ArgumentException">A row length below 2.</exception>
    public int[] EncodeRow(string text, int contextLength = DefaultContextLength)
    {
        Require.That(contextLength >= 2, $"A row holds at least start and end, so the context length is at least 2, got {contextLength}.");
        int[] ids = Encode(text);
        int[] row = new int[contextLength];
        int kept = Math.Min(ids.Length, contextLength - 2);
        row[0] = StartOfText;
        ids.AsSpan(0, kept).CopyTo(row.AsSpan(1));
        row[kept + 1] = EndOfText;
        return row;
    }

    /// <summary>
    /// One prompt row: start, <paramref name="promptLength"/> placeholders (id 0, whose embeddings the learned prompts replace), the ids of the
    /// class text, end, zeros.
    /// </summary>
    /// <param name="promptLength">m, number of learned prompt tokens; 0 gives the plain row of the text.</param>
    /// <param name="text">The class name, or "abnormal " and the class name; underscores already replaced by spaces.</param>
    /// <param name="contextLength">T, length of the row.</param>
    /// <returns>[T].</returns>
    /// <exception cref="ArgumentException">A negative length, or a row that would be longer than T: nothing is cut here.</exception>
    public int[] Row(int promptLength, string text, int contextLength = DefaultContextLength)
    {
        Require.That(promptLength >= 0, $"The number of prompt tokens is at least 0, got {promptLength}.");
        int[] ids = Encode(text);
        long needed = 2L + promptLength + ids.Length;
        Require.That(needed <= contextLength,
            $"The class name '{Shortened(text)}' is too long: {ids.Length} tokens, with {promptLength} prompt tokens, start and end {needed}; "
            + $"the text tower takes {contextLength}. Use a shorter name.");
        int[] row = new int[contextLength];
        row[0] = StartOfText;
        ids.CopyTo(row, 1 + promptLength);
        row[1 + promptLength + ids.Length] = EndOfText;
        return row;
    }

    private static string Shortened(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 57), "...");

    private string BytesAsSymbols(ReadOnlySpan<char> word)
    {
        Span<byte> bytes = word.Length <= 256 ? stackalloc byte[3 * word.Length] : new byte[Encoding.UTF8.GetByteCount(word)];
        int count = Encoding.UTF8.GetBytes(word, bytes);
        return string.Create(count, (symbols, bytes[..count].ToArray()), static (text, state) =>
        {
            for (int i = 0; i < text.Length; i++)
                text[i] = state.symbols[state.Item2[i]];
        });
    }
}
