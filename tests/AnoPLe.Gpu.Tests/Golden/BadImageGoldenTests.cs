using System.Diagnostics;
using System.Text.Json;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Every malformed image file that bad/bad.json lists gives a clear error or, where it says so, an image.</summary>
[Trait("Category", "Golden")]
public sealed class BadImageGoldenTests
{
    public static TheoryData<string, string, string> Files
    {
        get
        {
            TheoryData<string, string, string> rows = [];
            foreach (string folder in GoldenFolders.Find("bad"))
                foreach (JsonElement entry in Entries(folder))
                    if (entry.GetProperty("file").GetString() is { } file && file.StartsWith("img/", StringComparison.Ordinal))
                        rows.Add(folder, file, entry.GetProperty("expect").GetString()!);
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
        RgbImage? image = null;
        InvalidDataException? error = null;
        try
        {
            image = RgbImage.Load(path);
        }
        catch (InvalidDataException e)
        {
            error = e;
        }
        if (error is not null)
        {
            Assert.StartsWith(path + ":", error.Message, StringComparison.Ordinal);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        }
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 30);
        if (expect == "reject")
            Assert.Null(image);
        else if (expect == "accept")
            Assert.Null(error);
    }

    private static JsonElement.ArrayEnumerator Entries(string folder)
    {
        JsonElement root = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(Path.Combine(folder, "bad.json")));
        return root.GetProperty("cases").EnumerateArray();
    }
}
