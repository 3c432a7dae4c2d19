using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople doctor: devices, versions, and whether the chosen device computes what another one computes.</summary>
internal static class DoctorCommand
{
    /// <summary>What --json prints.</summary>
    private sealed record DoctorJson(string Version, string Runtime, string OperatingSystem, string Architecture, int Processors, int VectorBits,
        IReadOnlyList<DeviceInfo> Devices, string Chosen, string Why, string Precision, SelfCheckResult SelfCheck);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Option<string> device = CommonOptions.Device();
        Option<int> threads = CommonOptions.Threads();
        Option<bool> json = CommonOptions.Json();
        var command = new Command("doctor", "Show the devices, which one is used and why, and check that it computes correctly.") { device, threads, json };
        command.Aliases.Add("devices");
        command.Examples("anople doctor", "anople doctor --device cuda:0 --json");
        command.SetAction((parse, cancellation) => Task.Run(() =>
            Run(new Terminal(stdout, stderr, parse.GetValue(json)), parse.GetValue(device)!, parse.GetValue(threads), cancellation), CancellationToken.None));
        return command;
    }

    private static int Run(Terminal terminal, string device, int threads, CancellationToken cancellation)
    {
        IReadOnlyList<DeviceInfo> devices = Backends.Devices();
        terminal.Say($"anople {VersionAction.Version}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription} ({RuntimeInformation.OSArchitecture})");
        terminal.Say($"{Environment.ProcessorCount} processors for this process, vectors of {VectorBits} bits");
        var table = new ResultTable("device", "name", ">memory", "details");
        foreach (var found in devices)
            table.Add(found.Id, found.Name, found.MemoryBytes > 0 ? Sizes.Bytes(found.MemoryBytes) : "", found.Details);
        terminal.Show(table);
        using Backend backend = Backends.Open(device, threads);
        string why = Why(device, backend.Device, devices);
        terminal.Say($"Chosen: {backend.Device.Id} ({backend.Device.Name}), {backend.Precision}. {why}");
        SelfCheckResult check = terminal.WithProgress(progress => new SelfCheck(backend).Run(progress, cancellation));
        terminal.ShowJson(new DoctorJson(VersionAction.Version, RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription,
            RuntimeInformation.OSArchitecture.ToString(), Environment.ProcessorCount, VectorBits, devices, backend.Device.Id, why, backend.Precision, check));
        terminal.Say($"Compared with {check.ComparedWith}:");
        foreach (var step in check.Steps)
            terminal.Say(string.Create(CultureInfo.InvariantCulture,
                $"{(step.Passed ? "ok    " : "FAILED")}  {step.Name,-34}  largest relative error {step.Error:E1} (limit {step.Limit:E0}), {step.FirstMilliseconds,7:F1} ms first, {step.Milliseconds,7:F1} ms then"));
        if (!check.Passed)
            terminal.Note($"error: {backend.Device.Id} computes something else than {check.ComparedWith}. {(check.ComparedWith == "cpu" ? "Update its driver, or use --device cpu." : "Please report it.")}");
        return check.Passed ? CommandLine.Fine : CommandLine.Failed;
    }

    private static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 32;

    private static string Why(string asked, DeviceInfo chosen, IReadOnlyList<DeviceInfo> devices)
    {
        if (!asked.Trim().Equals("auto", StringComparison.OrdinalIgnoreCase))
            return "--device asked for it.";
        if (Environment.GetEnvironmentVariable(Backends.DeviceVariable) is { Length: > 0 } named && !named.Trim().Equals("auto", StringComparison.OrdinalIgnoreCase))
            return $"The environment variable {Backends.DeviceVariable} asks for it.";
        if (chosen.Kind == DeviceKind.Cuda)
            return "CUDA is preferred to everything else.";
        if (chosen.IsGpu)
            return "No CUDA device was found; an OpenCL GPU is preferred to the processor.";
        string openCl = devices.Any(device => device.Kind == DeviceKind.OpenCl) ? " OpenCL devices that are no GPU are used only when named." : "";
        return "No GPU was found: CUDA needs NVIDIA's driver (libcuda), OpenCL a loader (libOpenCL) and the vendor's driver." + openCl;
    }
}
