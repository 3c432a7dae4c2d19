using System.Text.Json;
using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Every text of tokenizer.json gives openai/CLIP's ids and rows.</summary>
[Trait("Category", "Golden")]
public sealed class TokenizerGoldenTests
{
    public static TheoryData<string> Files => [.. GoldenFolders.Find("tokenizer.json")];

    [Fact]
    public void There_are_files() => Assert.NotEmpty(Files);

    [Theory, MemberData(nameof(Files))]
    public void Ids_are_equal(string file) => AssertEach(file, (text, golden) =>
        Same(Ids(golden, "ids"), Tokenizer.Clip.Encode(text)));

    [Theory, MemberData(nameof(Files))]
    public void Rows_are_equal(string file) => AssertEach(file, (text, golden) =>
    {
        int[] row = Tokenizer.Clip.EncodeRow(text);
        if (golden.TryGetProperty("row77", out JsonElement stored) && stored.ValueKind == JsonValueKind.Array)
            return Same(Ids(golden, "row77"), row);
        int[] ids = Ids(golden, "ids");
        if (ids.Length > 75)
            return null;
        return Same([49406, .. ids, 49407, .. new int[75 - ids.Length]], row) ?? Same(row, Tokenizer.Clip.Row(0, text));
    });

    // One message with all failures: texts are no good names for test rows.
    private static void AssertEach(string file, Func<string, JsonElement, string?> check)
    {
        JsonElement cases = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(file)).GetProperty("cases");
        Assert.NotEqual(0, cases.GetArrayLength());
        List<string> failures = [];
        foreach (JsonElement golden in cases.EnumerateArray())
        {
            string text = golden.GetProperty("text").GetString()!;
            if (check(text, golden) is { } failure)
                failures.Add($"{JsonSerializer.Serialize(text)}: {failure}");
        }
        Assert.True(failures.Count == 0, $"{failures.Count} of {cases.GetArrayLength()} differ:\n" + string.Join("\n", failures.Take(20)));
    }

    private static int[] Ids(JsonElement golden, string name) => [.. golden.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    private static string? Same(int[] expected, int[] actual) =>
        expected.AsSpan().SequenceEqual(actual) ? null : $"expected [{string.Join(", ", expected)}], got [{string.Join(", ", actual)}]";
}
