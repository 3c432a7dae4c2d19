using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace AnoPLe.Gpu.Benchmarks.Cold;

/// <summary>What a process took.</summary>
/// <param name="Seconds">From start to exit.</param>
/// <param name="CpuSeconds">Processor time of all threads, to the clock tick; only of a watched run.</param>
/// <param name="PeakMib">Largest resident memory; only of a watched run, as what follows.</param>
/// <param name="PeakAnonymousMib">Largest part of it without a file behind it.</param>
/// <param name="PeakFileMib">Largest part of it that is mapped files.</param>
internal readonly record struct ChildUsage(double Seconds, double CpuSeconds, double PeakMib, double PeakAnonymousMib, double PeakFileMib);

/// <summary>A command that is started again and again.</summary>
/// <param name="command">An executable, or an assembly for the dotnet host.</param>
/// <param name="arguments">Its arguments.</param>
internal sealed class ChildProcess(string command, string[] arguments)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(4);

    /// <summary>Runs it to its end. Its output is read and thrown away.</summary>
    /// <param name="watchMemory">Read memory and processor time every few milliseconds, which disturbs the clock.</param>
    /// <exception cref="InvalidDataException">It could not be started, or failed; then the message holds what it wrote.</exception>
    public ChildUsage Run(bool watchMemory)
    {
        bool isAssembly = command.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        var start = new ProcessStartInfo(isAssembly ? "dotnet" : command, isAssembly ? [command, .. arguments] : arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        long begin = Stopwatch.GetTimestamp();
        using var process = Start(start);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        ChildUsage peak = default;
        if (watchMemory)
            while (!process.WaitForExit(Interval))
                peak = Look(process, peak);
        process.WaitForExit();
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        if (process.ExitCode != 0)
            throw new InvalidDataException($"{command} {string.Join(' ', arguments)} ended with exit code {process.ExitCode}: {errors.Result.Trim()} {output.Result.Trim()}");
        return peak with { Seconds = seconds };
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidDataException($"{start.FileName} could not be started: {e.Message} Name an executable or an assembly with --anople.", e);
        }
    }

    private static ChildUsage Look(Process process, ChildUsage before)
    {
        double cpu = before.CpuSeconds, peak = before.PeakMib, anonymous = 0, file = 0;
        try
        {
            process.Refresh();
            cpu = Math.Max(cpu, process.TotalProcessorTime.TotalSeconds);
            peak = Math.Max(peak, process.PeakWorkingSet64 / 1048576.0);
            if (OperatingSystem.IsLinux())
                foreach (string line in File.ReadLines($"/proc/{process.Id}/status"))
                    if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
                        anonymous = Mebibytes(line);
                    else if (line.StartsWith("RssFile:", StringComparison.Ordinal))
                        file = Mebibytes(line);
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or Win32Exception)
        {
            // It ended between two looks: what was seen until then stands.
        }
        return new(0, cpu, peak, Math.Max(anonymous, before.PeakAnonymousMib), Math.Max(file, before.PeakFileMib));
    }

    // "RssAnon:	  123456 kB"
    private static double Mebibytes(string line) =>
        double.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
}
