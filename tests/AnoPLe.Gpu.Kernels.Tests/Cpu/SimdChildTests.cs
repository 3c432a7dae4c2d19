using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Xml.Linq;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>
/// Vectors are chosen when a process starts, so every narrower width runs in a child: this test program again, only its rows of the CPU
/// backend, without the largest sizes, and with instruction sets switched off.
/// </summary>
public sealed class SimdChildTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    [Theory]
    [InlineData("EnableAVX512")]
    [InlineData("EnableAVX2")]
    [InlineData("EnableHWIntrinsic")]
    public async Task The_operations_pass_with_narrower_vectors(string switchedOff)
    {
        string report = Path.Combine(Path.GetTempPath(), $"anople-simd-{Guid.NewGuid():N}.xml");
        try
        {
            var (exitCode, output) = await RunChild(switchedOff, report);
            Assert.True(exitCode == 0, $"DOTNET_{switchedOff}=0: exit code {exitCode}.\n{output}");

            var assembly = XDocument.Load(report).Descendants("assembly").Single();
            Assert.Equal(0, (int)assembly.Attribute("failed")!);
            Assert.Equal(0, (int)assembly.Attribute("skipped")!);
            string[] classes = [.. assembly.Descendants("test").Select(t => ((string)t.Attribute("type")!).Split('.')[^1]).Distinct()];
            Assert.Empty(Operations.Select(operation => operation + "Tests").Append(nameof(ElementwiseTests)).Append(nameof(LogisticTests)).Append(nameof(Bf16WeightsTests)).Except(classes));

            var described = assembly.Descendants("test").Single(t => (string?)t.Attribute("method") == nameof(VectorWidthTests.The_description_names_the_widest_vectors_switched_on));
            Assert.Contains(Expected(switchedOff), (string?)described.Element("output"), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(report);
        }
    }

    private static IEnumerable<string> Operations => typeof(Backend).GetProperties().Where(p => typeof(Operation).IsAssignableFrom(p.PropertyType)).Select(p => p.Name);

    private static string Expected(string switchedOff) => switchedOff switch
    {
        "EnableHWIntrinsic" => "scalar",
        "EnableAVX512" when Avx2.IsSupported => "Vector256",
        _ => "Vector128",
    };

    private static async Task<(int ExitCode, string Output)> RunChild(string switchedOff, string report)
    {
        // The host beside the running runtime, whether or not it is on the PATH: ROOT/shared/Microsoft.NETCore.App/VERSION/.
        string root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        string host = Path.Combine(root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
        var start = new ProcessStartInfo(host, [typeof(SimdChildTests).Assembly.Location, "-preEnumerateTheories", "-noColor", "-noLogo", "-noAutoReporters",
            "-trait", "Backend=cpu", "-trait-", "Size=Large", "-result-xml", report])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[string.Create(CultureInfo.InvariantCulture, $"DOTNET_{switchedOff}")] = "0";
        using var child = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            var output = child.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = child.StandardError.ReadToEndAsync(limit.Token);
            await child.WaitForExitAsync(limit.Token);
            return (child.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            child.Kill(entireProcessTree: true);
            throw;
        }
    }
}
