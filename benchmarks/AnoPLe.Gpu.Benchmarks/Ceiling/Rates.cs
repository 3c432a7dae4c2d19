using System.Globalization;

namespace AnoPLe.Gpu.Benchmarks.Ceiling;

/// <summary>Rates as text.</summary>
internal static class Rates
{
    /// <summary>"12.3 GFLOP/s", "12.3 GB/s" or "1.23 image/s".</summary>
    public static string Text(double rate, string unit) => unit == "image"
        ? string.Create(CultureInfo.InvariantCulture, $"{rate:f2} image/s")
        : string.Create(CultureInfo.InvariantCulture, $"{rate * 1e-9:f1} G{unit}/s");

    /// <summary>"56%", or "-" without a ceiling.</summary>
    public static string Part(double rate, double? ceiling) => ceiling is { } limit ? string.Create(CultureInfo.InvariantCulture, $"{100 * rate / limit:f0}%") : "-";
}
