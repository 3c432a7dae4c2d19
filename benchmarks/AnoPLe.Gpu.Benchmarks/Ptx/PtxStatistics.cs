using System.Text.RegularExpressions;

namespace AnoPLe.Gpu.Benchmarks.Ptx;

/// <summary>What a kernel's PTX consists of: instructions as they stand in the text, whether a loop repeats them or not. Registers show only after ptxas.</summary>
/// <param name="Instructions">All of them.</param>
/// <param name="Products">Multiplications of single floats; ptxas fuses those without a rounding mode with the addition that follows.</param>
/// <param name="Mma">Matrix instructions of the tensor cores.</param>
/// <param name="Global">Loads and stores of global memory.</param>
/// <param name="WideGlobal">Those of 16 bytes, cp.async included.</param>
/// <param name="Shared">Loads and stores of shared memory.</param>
/// <param name="WideShared">Those of 16 bytes, ldmatrix included.</param>
/// <param name="Barriers">bar.sync.</param>
/// <param name="Branches">Branches; backward ones are loops.</param>
/// <param name="SharedBytes">Static shared memory.</param>
/// <param name="LocalBytes">Local memory: spills and arrays that did not fit into registers; 0 in a good kernel.</param>
internal sealed partial record PtxStatistics(int Instructions, int Products, int Mma, int Global, int WideGlobal, int Shared, int WideShared, int Barriers, int Branches, int SharedBytes,
    int LocalBytes)
{
    /// <summary>Counts.</summary>
    public static PtxStatistics Of(string ptx)
    {
        string[] lines = [.. ptx.Split('\n').Select(line => Predicate().Replace(line.Trim(), ""))];
        string[] code = [.. lines.SelectMany(Statements).Where(line => line.EndsWith(';') && char.IsAsciiLetterLower(line.FirstOrDefault()))];
        int Count(string pattern) => code.Count(line => Regex.IsMatch(line, pattern, RegexOptions.CultureInvariant));
        const string Wide = @"\.(v4\.(f32|u32|s32|b32)|v2\.(f64|u64|s64|b64))\b";
        return new(code.Length, Count(@"^(mul|fma|mad)(\.rn)?(\.ftz)?\.f32\b"), Count(@"^(mma|wgmma)\b"), Count(@"^((ld|st)\.global|cp\.async\.c[ag])\b"),
            Count(@"^((ld|st)\.global.*" + Wide + @"|cp\.async\.c[ag]\..*, 16\b)"), Count(@"^((ld|st)\.shared|ldmatrix)\b"), Count(@"^((ld|st)\.shared.*" + Wide + "|ldmatrix)"),
            Count(@"^bar\.sync\b|^barrier\.sync\b"), Count(@"^bra\b"), Bytes(lines, ".shared"), Bytes(lines, ".local"));
    }

    // Several in braces are one intrinsic: "{ .reg .u64 a; mov.u64 a, %rd1; ldmatrix...; }"
    private static IEnumerable<string> Statements(string line) =>
        line is ['{', .., '}'] ? line[1..^1].Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(statement => statement + ";") : [line];

    // ".shared .align 16 .b8 name[4096];"
    private static int Bytes(IEnumerable<string> lines, string space) => lines.Select(line => Declaration().Match(line))
        .Where(match => match.Success && match.Groups[1].Value == space)
        .Sum(match => int.Parse(match.Groups[3].Value, System.Globalization.CultureInfo.InvariantCulture) * int.Parse(match.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture) / 8);

    [GeneratedRegex(@"^@!?%p\d+\s+")]
    private static partial Regex Predicate();

    [GeneratedRegex(@"^(\.shared|\.local)\s+\.align\s+\d+\s+\.[bfus](8|16|32|64)\s+\S+\[(\d+)\]")]
    private static partial Regex Declaration();
}
