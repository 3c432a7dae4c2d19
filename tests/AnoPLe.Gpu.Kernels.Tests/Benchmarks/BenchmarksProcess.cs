using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Kernels.Tests.Benchmarks;

/// <summary>The benchmarks program as a process of its own: so its vectors can be made narrower, and no test needs its packages.</summary>
internal static class BenchmarksProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // The build writes where it put the benchmarks into this assembly; see the project file.
    /// <summary>The program.</summary>
    public static string Program { get; } = typeof(BenchmarksProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "BenchmarksProgram").Value!;

    /// <summary>Runs it, with one of .NET's instruction sets switched off or none.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> Run(string? switchedOff, params string[] arguments)
    {
        string root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        string host = Path.Combine(root, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");
        var start = new ProcessStartInfo(host, [Program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (switchedOff is not null)
            start.Environment[$"DOTNET_{switchedOff}"] = "0";
        using var child = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            Task<string> output = child.StandardOutput.ReadToEndAsync(limit.Token), errors = child.StandardError.ReadToEndAsync(limit.Token);
            await child.WaitForExitAsync(limit.Token);
            return (child.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            child.Kill(entireProcessTree: true);
            throw;
        }
    }
}
