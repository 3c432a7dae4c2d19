using System.Diagnostics;
using System.Text.Json;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Every safetensors file that bad/bad.json lists gives a clear error or, where it says so, its values.</summary>
[Trait("Category", "Golden")]
public sealed class BadSafetensorsGoldenTests
{
    public static TheoryData<string, string, string> Files
    {
        get
        {
            TheoryData<string, string, string> rows = [];
            foreach (string folder in GoldenFolders.Find("bad"))
                foreach (JsonElement entry in Entries(folder))
                    if (File(entry).StartsWith("st/", StringComparison.Ordinal))
                        rows.Add(folder, File(entry), entry.GetProperty("expect").GetString()!);
            return rows;
        }
    }

    [Fact]
    public void There_are_cases() => Assert.NotEmpty(Files);

    [Theory, MemberData(nameof(Files))]
    public void Refuses_or_reads(string folder, string file, string expect)
    {
        string path = Path.Combine(folder, file);
        Stopwatch time = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        SafetensorsFile? opened = null;
        InvalidDataException? error = null;
        try
        {
            opened = SafetensorsFile.Open(path);
        }
        catch (InvalidDataException e)
        {
            error = e;
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 5);
        using (opened)
        {
            if (expect == "reject")
                Assert.Null(opened);
            else if (expect == "accept")
                Assert.Null(error);
            if (error is not null)
                Assert.StartsWith(path + ":", error.Message, StringComparison.Ordinal);
            else if (Entries(folder).First(entry => File(entry) == file).TryGetProperty("content", out JsonElement content))
                AssertContent(content, opened!);
        }
    }

    private static void AssertContent(JsonElement content, SafetensorsFile file)
    {
        Assert.Equal(content.EnumerateObject().Select(tensor => tensor.Name).Order(StringComparer.Ordinal), file.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        foreach (JsonProperty expected in content.EnumerateObject())
            Assert.Equal(expected.Value.EnumerateArray().Select(value => value.GetDouble()), Values(file, expected.Name));
    }

    private static IEnumerable<double> Values(SafetensorsFile file, string name) =>
        file.Find(name).Type is SafetensorsType.F64 or SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16
            ? file.ReadFloats(name).Select(value => (double)value)
            : file.ReadInt64s(name).Select(value => (double)value);

    private static string File(JsonElement entry) => entry.GetProperty("file").GetString()!;

    private static JsonElement.ArrayEnumerator Entries(string folder) =>
        JsonSerializer.Deserialize<JsonElement>(System.IO.File.ReadAllBytes(Path.Combine(folder, "bad.json"))).GetProperty("cases").EnumerateArray();
}
