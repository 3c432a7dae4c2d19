using System.Diagnostics;
using System.Text.Json;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Every PyTorch and safetensors file that bad/bad.json lists gives a clear error or, where it says so, its values; none runs anything.</summary>
[Trait("Category", "Golden")]
public sealed class BadCheckpointGoldenTests
{
    public static TheoryData<string, string, string> Files
    {
        get
        {
            TheoryData<string, string, string> rows = [];
            foreach (string folder in GoldenFolders.Find("bad"))
                foreach (JsonElement entry in Entries(folder))
                    if (File(entry).StartsWith("pt/", StringComparison.Ordinal) || File(entry).StartsWith("st/", StringComparison.Ordinal))
                        rows.Add(folder, File(entry), entry.GetProperty("expect").GetString()!);
            return rows;
        }
    }

    [Fact]
    public void There_are_cases_of_both_kinds() =>
        Assert.Equal(["pt", "st"], Files.Select(row => row.Data.Item2[..2]).Distinct().Order(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Files))]
    public void Refuses_or_reads(string folder, string file, string expect)
    {
        string path = Path.Combine(folder, file);
        string[] markers = Markers();
        Stopwatch time = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Checkpoint? opened = null;
        InvalidDataException? error = null;
        try
        {
            opened = Checkpoint.Open(path);
        }
        catch (InvalidDataException e)
        {
            error = e;
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        Assert.InRange(time.Elapsed.TotalSeconds, 0, 5);
        Assert.Equal(markers, Markers());
        using (opened)
        {
            if (expect == "reject")
                Assert.Null(opened);
            else if (expect == "accept")
                Assert.Null(error);
            if (error is not null)
                AssertClear(path, error);
            else if (Entries(folder).First(entry => File(entry) == file).TryGetProperty("content", out JsonElement content))
                CheckpointContent.AssertEqual(content, opened!);
        }
    }

    [Theory]
    [InlineData("pt/evil_os_zip.pt", "os.system")]
    [InlineData("pt/evil_os_legacy.pt", "os.system")]
    [InlineData("pt/evil_eval_zip.pt", "__builtin__.eval")]
    [InlineData("pt/evil_eval_legacy.pt", "__builtin__.eval")]
    [InlineData("pt/whole_module.pt", "tiny.Tiny")]
    public void Names_what_it_refuses_to_interpret(string file, string name)
    {
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.Open(Repository.Path("tests", "Golden", "bad", file)));
        Assert.Contains($"{name} is not something a tensor file needs; refusing to interpret it", error.Message, StringComparison.Ordinal);
    }

    // What was got and what to do, on one line that begins with the file.
    private static void AssertClear(string path, InvalidDataException error)
    {
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
        Assert.Contains(". ", error.Message, StringComparison.Ordinal);
        Assert.InRange(error.Message.Length - path.Length, 40, 700);
    }

    // The hostile files would make these if anything in them ran.
    private static string[] Markers() => Directory.GetFiles(Path.GetTempPath(), "PICKLE_EXECUTED_MARKER*");

    private static string File(JsonElement entry) => entry.GetProperty("file").GetString()!;

    private static JsonElement.ArrayEnumerator Entries(string folder) =>
        JsonSerializer.Deserialize<JsonElement>(System.IO.File.ReadAllBytes(Path.Combine(folder, "bad.json"))).GetProperty("cases").EnumerateArray();
}
