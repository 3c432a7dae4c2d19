using System.Text.Json;
using System.Text.Json.Serialization;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>One line of the result.</summary>
/// <param name="Model">Name of the configuration.</param>
/// <param name="Batch">Images of one call.</param>
/// <param name="Threads">Threads of either side, the caller's included.</param>
/// <param name="Outputs">"all": image features and patch tokens; "features": image features alone, on both sides.</param>
/// <param name="OursImagesPerS">Throughput of the CPU backend, median run.</param>
/// <param name="OrtImagesPerS">Throughput of ONNX Runtime, median run.</param>
/// <param name="Ratio">Ours over theirs.</param>
/// <param name="MaxAbsDiff">Largest difference of a feature.</param>
/// <param name="MaxAbsFeature">Largest feature, what the difference is to be compared with.</param>
/// <param name="Runs">Runs of either side.</param>
/// <param name="Cpu">Processor and vectors.</param>
/// <param name="Runtime">.NET and ONNX Runtime.</param>
/// <param name="Date">UTC.</param>
internal sealed record OrtComparison(string Model, int Batch, int Threads, string Outputs, double OursImagesPerS, double OrtImagesPerS, double Ratio,
    double MaxAbsDiff, double MaxAbsFeature, int Runs, string Cpu, string Runtime, string Date)
{
    /// <summary>One JSON object on one line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, OrtComparisonJson.Default.OrtComparison);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(OrtComparison))]
internal sealed partial class OrtComparisonJson : JsonSerializerContext;
