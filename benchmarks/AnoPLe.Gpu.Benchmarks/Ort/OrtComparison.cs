using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>One line of the result. JSON names the rates by what is counted: ours_images_per_s or ours_rows_per_s.</summary>
/// <param name="Model">Name of the configuration.</param>
/// <param name="Tower">"image" or "text".</param>
/// <param name="Batch">Images or rows of text of one call.</param>
/// <param name="Threads">Threads of either side, the caller's included.</param>
/// <param name="Outputs">"all": image features and patch tokens; "features": features alone, on both sides.</param>
/// <param name="OursPerS">Throughput of the CPU backend, median run.</param>
/// <param name="OrtPerS">Throughput of ONNX Runtime, median run.</param>
/// <param name="Ratio">Ours over theirs.</param>
/// <param name="MaxAbsDiff">Largest difference of an output.</param>
/// <param name="MaxAbsFeature">Largest feature, what the difference is to be compared with.</param>
/// <param name="Runs">Runs of either side.</param>
/// <param name="Cpu">Processor and vectors.</param>
/// <param name="Runtime">.NET and ONNX Runtime.</param>
/// <param name="Date">UTC.</param>
internal sealed record OrtComparison(string Model, string Tower, int Batch, int Threads, string Outputs, [property: JsonIgnore] double OursPerS, [property: JsonIgnore] double OrtPerS,
    double Ratio, double MaxAbsDiff, double MaxAbsFeature, int Runs, string Cpu, string Runtime, string Date)
{
    /// <summary>The other value of <see cref="Tower"/>.</summary>
    public const string Text = "text";

    /// <summary>The page of results.</summary>
    private static readonly ResultTable Table = new("compare-ort.md", "Both towers against ONNX Runtime",
        "`compare-ort`: both sides in turn in one process on the same weights and inputs, medians, fp32. A unit is an image or a row of text; a ratio above 1 says that we are faster.", 6,
        "model", "tower", "outputs", "batch", "threads", "vector bits", "ours, units/s", "ONNX Runtime, units/s", "ratio", "largest difference", "runs", "runtime", "date");

    public static string Heading { get; } = $"{"batch",6}{"threads",9}{"ours/s",10}{"ORT/s",10}{"ratio",8}{"max diff",11}";

    public double? OursImagesPerS => Tower == Text ? null : OursPerS;

    public double? OrtImagesPerS => Tower == Text ? null : OrtPerS;

    public double? OursRowsPerS => Tower == Text ? OursPerS : null;

    public double? OrtRowsPerS => Tower == Text ? OrtPerS : null;

    /// <summary>One JSON object on one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, OrtComparisonJson.Default.OrtComparison);

    /// <summary>Into the page of results, if there is a folder for it.</summary>
    public void Put(string? results) => Table.Put(results, Model, Tower, Outputs, ResultTable.Number(Batch), ResultTable.Number(Threads), ResultTable.Number(Machine.VectorBits),
        ResultTable.Number(OursPerS, "f2"), ResultTable.Number(OrtPerS, "f2"), ResultTable.Number(Ratio, "f2"), ResultTable.Number(MaxAbsDiff, "0.0e-0"), ResultTable.Number(Runs), Runtime, ResultTable.Day(Date));

    /// <summary>A line below <see cref="Heading"/>.</summary>
    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"{Batch,6}{Threads,9}{OursPerS,10:f2}{OrtPerS,10:f2}{Ratio,8:f3}{MaxAbsDiff,11:e1}");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OrtComparison))]
internal sealed partial class OrtComparisonJson : JsonSerializerContext;
