using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AnoPLe.Gpu.Benchmarks.Ort;

namespace AnoPLe.Gpu.Benchmarks.Cold;

/// <summary>One side: medians of its processes.</summary>
/// <param name="Seconds">From start to exit.</param>
/// <param name="CpuSeconds">Of all threads, user and system; 0 where the system does not tell.</param>
/// <param name="PeakMib">Largest resident memory.</param>
/// <param name="PeakAnonymousMib">Largest resident memory that no file stands behind; 0 where the system does not tell.</param>
/// <param name="PeakFileMib">Largest resident memory of mapped files: libraries and weights.</param>
internal sealed record ColdSide(double Seconds, double CpuSeconds, double PeakMib, double PeakAnonymousMib, double PeakFileMib)
{
    /// <summary>Medians; time from the undisturbed runs, the rest from the watched ones.</summary>
    public static ColdSide Of(List<ChildUsage> timed, List<ChildUsage> watched) => new(
        Median(timed, usage => usage.Seconds, 3), Median(watched, usage => usage.CpuSeconds, 2), Median(watched, usage => usage.PeakMib, 0),
        Median(watched, usage => usage.PeakAnonymousMib, 0), Median(watched, usage => usage.PeakFileMib, 0));

    private static double Median(List<ChildUsage> runs, Func<ChildUsage, double> value, int digits) =>
        Math.Round(InterleavedTiming.Median([.. runs.Select(value)]), digits);
}

/// <summary>The result.</summary>
/// <param name="Model">Name of the configuration.</param>
/// <param name="Threads">Threads of either side; 0 for each one's default.</param>
/// <param name="Runs">Processes of either side.</param>
/// <param name="Ours">anople score.</param>
/// <param name="Ort">ONNX Runtime.</param>
/// <param name="VisionMib">Size of the image tower's weights, as floats.</param>
/// <param name="FileMib">Size of the weights file: both towers.</param>
/// <param name="Cpu">Processor and vectors.</param>
/// <param name="Runtime">.NET and ONNX Runtime.</param>
/// <param name="Date">UTC.</param>
internal sealed record ColdComparison(string Model, int Threads, int Runs, ColdSide Ours, ColdSide Ort, long VisionMib, long FileMib, string Cpu, string Runtime, string Date)
{
    /// <summary>The page of results.</summary>
    private static readonly ResultTable Table = new("cold-start.md", "From the start of a process to the first score",
        "`compare-cold`: a process of `anople score` on one image against one that loads the same image tower into ONNX Runtime and runs it once, in turn, files in the page cache, " +
        "medians, fp32. A ratio below 1 says that we are faster. Sizes are MiB.", 3,
        "model", "threads", "vector bits", "anople score, s", "ONNX Runtime, s", "ratio", "peak memory", "of it without a file", "ONNX Runtime, peak", "image tower", "peak / image tower",
        "runs", "runtime", "date");

    /// <summary>Our time over theirs: below 1 we are faster.</summary>
    public double Ratio => Math.Round(Ours.Seconds / Ort.Seconds, 3);

    /// <summary>Our peak memory over the size of the image tower's weights.</summary>
    public double PeakOverVision => Math.Round(Ours.PeakMib / Math.Max(1, VisionMib), 3);

    /// <summary>Into the page of results, if there is a folder for it.</summary>
    public void Put(string? results) => Table.Put(results, Model, Threads == 0 ? "default" : ResultTable.Number(Threads), ResultTable.Number(Machine.VectorBits),
        ResultTable.Number(Ours.Seconds, "f2"), ResultTable.Number(Ort.Seconds, "f2"), ResultTable.Number(Ratio, "f2"),
        ResultTable.Number(Ours.PeakMib, "f0"), ResultTable.Number(Ours.PeakAnonymousMib, "f0"), ResultTable.Number(Ort.PeakMib, "f0"), ResultTable.Number(VisionMib, "f0"),
        ResultTable.Number(PeakOverVision, "f2"), ResultTable.Number(Runs), Runtime, ResultTable.Day(Date));

    /// <summary>One JSON object on one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ColdComparisonJson.Default.ColdComparison);

    /// <summary>A table for people.</summary>
    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"""
        {Cpu}; {Runtime}
        {Model}: image tower {VisionMib} MiB, file {FileMib} MiB; medians of {Runs} processes each
        {"",-14}{"seconds",9}{"cpu s",8}{"peak MiB",10}{"anonymous",11}{"files",7}
        {Line("anople score", Ours)}
        {Line("ONNX Runtime", Ort)}
        ratio of seconds {Ratio:f2}, our peak memory over the image tower {PeakOverVision:f2}
        """);

    private static string Line(string name, ColdSide side) => string.Create(CultureInfo.InvariantCulture,
        $"{name,-14}{side.Seconds,9:f3}{side.CpuSeconds,8:f2}{side.PeakMib,10:f0}{side.PeakAnonymousMib,11:f0}{side.PeakFileMib,7:f0}");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ColdComparison))]
internal sealed partial class ColdComparisonJson : JsonSerializerContext;
