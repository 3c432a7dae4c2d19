using System.Globalization;
using System.Text.Json;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>One rung's result, as --json prints it. What needs time is null with --seconds 0.</summary>
/// <param name="Rung">Number, with a letter for a side rung; "ort" for ONNX Runtime.</param>
/// <param name="Name">The idea.</param>
/// <param name="Threads">Threads that compute.</param>
/// <param name="M">Rows of A and C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">Terms of a sum.</param>
/// <param name="Ms">Median time of a call.</param>
/// <param name="Gflops">2 M N K over that time, in units of 10^9 a second.</param>
/// <param name="PeakGflops">Multiply-adds in registers on as many threads, in the same unit.</param>
/// <param name="PartOfPeak">The one over the other.</param>
/// <param name="Over">The rung it is compared with; null at the bottom.</param>
/// <param name="Factor">That rung's time over this one's.</param>
/// <param name="MaxError">Largest absolute difference from the reference in double.</param>
/// <param name="AllowedError">What rounding explains.</param>
/// <param name="Shipped">The rung that the product runs.</param>
/// <param name="Runs">Timed calls.</param>
/// <param name="Cpu">Processor and vectors.</param>
/// <param name="Runtime">.NET's version.</param>
/// <param name="Date">When.</param>
internal sealed record LadderLine(string Rung, string Name, int Threads, int M, int N, int K, double? Ms, double? Gflops, double? PeakGflops,
    double? PartOfPeak, string? Over, double? Factor, double MaxError, double AllowedError, bool Shipped, int Runs, string Cpu, string Runtime, string Date)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly ResultTable Table = new("ladder.md", "The ladder of matrix products",
        "`ladder`: C [m, n] = GELU(A [m, k] W [n, k]ᵀ + bias), median times, fp32; [what each idea is](../../ladder.md).", 6,
        "rung", "m", "n", "k", "threads", "vector bits", "idea", "ms", "GFLOP/s", "of peak", "factor", "largest error", "runs", "runtime", "date");

    public static string Heading { get; } = $"{"rung",-5}{"idea",-31}{"threads",8}{"ms",10}{"GFLOP/s",9}{"of peak",9}{"factor",8}{"",-9}{"max error",10}";

    /// <summary>Into the page of results, if there is a folder for it.</summary>
    public void Put(string? results) => Table.Put(results, Rung, ResultTable.Number(M), ResultTable.Number(N), ResultTable.Number(K), ResultTable.Number(Threads), ResultTable.Number(Machine.VectorBits),
        Name, ResultTable.Number(Ms, "g3"), ResultTable.Number(Gflops, "f1"), Number(100 * PartOfPeak, "f0", "%"), Factor is null ? "" : $"{Number(Factor, "f2")} x {Over}",
        ResultTable.Number(MaxError, "0.0e-0"), ResultTable.Number(Runs), Runtime, ResultTable.Day(Date));

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    public string ToText() => string.Create(CultureInfo.InvariantCulture,
        $"{Rung,-5}{Name,-31}{Threads,8}{Number(Ms, "f2"),10}{Number(Gflops, "f1"),9}{Number(100 * PartOfPeak, "f0", "%"),9}" +
        $"{Number(Factor, "f2"),8}{(Factor is null ? "" : $" x {Over}"),-9}{MaxError.ToString("0.0e-00", CultureInfo.InvariantCulture),10}{(Shipped ? "  <- shipped" : "")}");

    private static string Number(double? value, string format, string unit = "") => value is { } v ? v.ToString(format, CultureInfo.InvariantCulture) + unit : "-";
}
