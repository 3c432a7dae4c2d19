using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Tests.Clip;

public sealed class TokenizerTests
{
    [Theory]
    [InlineData("ball screw", 1069, 14225)]
    [InlineData("", new int[0])]
    [InlineData(" \t\u001c\u001f\u3000 ", new int[0])]
    public void Plain_texts(string text, params int[] ids) => Assert.Equal(ids, Tokenizer.Clip.Encode(text));

    [Theory]
    [InlineData("a&nbsp;&nbsp;b", "a b")]
    [InlineData("x &amp;lt; y", "x < y")] // resolved twice
    [InlineData("AΣ", "aς")]
    [InlineData("AΣ.B", "aσ.b")] // a full stop does not end the word
    [InlineData("Σ", "σ")]
    [InlineData("İ", "i\u0307")]
    [InlineData("\u001cK\u001f", "k")] // Kelvin sign; separators only at the ends
    [InlineData("\u0085 a \u2028\u00a0\n b\u1680", "a b")]
    [InlineData("\U00010400", "\U00010428")] // a capital outside the Basic Multilingual Plane
    public void Cleaning(string text, string clean)
    {
        Assert.Equal(clean, TextCleaning.Clean(text));
        Assert.Equal(Tokenizer.Clip.Encode(clean), Tokenizer.Clip.Encode(text));
    }

    [Theory]
    [InlineData("it's we'll i'd", "it 's we 'll i 'd")]
    [InlineData("it'\u017f", "it '\u017f")] // the long s folds to s
    [InlineData("a1½²b", "a 1 ½ ² b")]
    [InlineData("\U0001D538\U0001D7D9!", "\U0001D538 \U0001D7D9 !")] // a letter and a digit of two UTF-16 units
    [InlineData("a<|endoftext|>b", "a <|endoftext|> b")]
    [InlineData("!<|endoftext|>", "!<| endoftext |>")] // glued to a symbol it is no token
    public void Splitting(string text, string words) =>
        Assert.Equal(words, string.Join(' ', WordSplitter.Split(text).Select(range => text[range])));

    [Fact]
    public void Special_tokens_inside_a_text_get_their_ids() =>
        Assert.Equal([320, 49406, 49407, 321], Tokenizer.Clip.Encode("a <|StartOfText|> &lt;|endoftext|&gt; b"));

    [Fact]
    public void Half_a_surrogate_pair_is_the_replacement_character() =>
        Assert.Equal(Tokenizer.Clip.Encode("a\uFFFDb"), Tokenizer.Clip.Encode("a\uD83Db"));

    [Fact]
    public void A_row_is_start_ids_end_and_zeros() =>
        Assert.Equal([49406, 1069, 14225, 49407, 0, 0], Tokenizer.Clip.EncodeRow("ball screw", 6));

    [Fact]
    public void A_long_text_is_cut_and_ended()
    {
        int[] ids = Tokenizer.Clip.Encode(string.Join(' ', Enumerable.Repeat("crack", 100)));
        int[] row = Tokenizer.Clip.EncodeRow(string.Join(' ', Enumerable.Repeat("crack", 100)));
        Assert.Equal([49406, .. ids[..75], 49407], row);
        Assert.Throws<ArgumentException>(() => Tokenizer.Clip.EncodeRow("a", 1));
    }

    [Fact]
    public void A_prompt_row_leaves_room_for_the_prompts()
    {
        int[] ids = Tokenizer.Clip.Encode("abnormal hazelnut");
        Assert.Equal([49406, 0, 0, 0, 0, .. ids, 49407, .. new int[71 - ids.Length]], Tokenizer.Clip.Row(4, "abnormal hazelnut"));
        Assert.Equal(Tokenizer.Clip.EncodeRow("abnormal hazelnut"), Tokenizer.Clip.Row(0, "abnormal hazelnut"));
    }

    [Fact]
    public void A_prompt_row_is_never_cut()
    {
        string exact = string.Join(' ', Enumerable.Repeat("a", 71)), longer = exact + " a";
        Assert.Equal(49407, Tokenizer.Clip.Row(4, exact)[^1]);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Tokenizer.Clip.Row(4, longer));
        Assert.Contains("72 tokens, with 4 prompt tokens, start and end 78; the text tower takes 77", error.Message, StringComparison.Ordinal);
        string name = string.Concat(Enumerable.Repeat("xq7", 100));
        error = Assert.Throws<ArgumentException>(() => Tokenizer.Clip.Row(0, name));
        Assert.Contains($"'{name[..57]}...' is too long", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Tokenizer.Clip.Row(-1, "a"));
    }

    [Fact]
    public void Threads_may_share_it()
    {
        string[] texts = [.. Enumerable.Range(0, 400).Select(i => $"a photo of part number {i % 50} with{i}scratches")];
        int[][] expected = [.. texts.Select(Tokenizer.Clip.Encode)];
        Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i => Assert.Equal(expected[i], Tokenizer.Clip.Encode(texts[i])));
    }
}
