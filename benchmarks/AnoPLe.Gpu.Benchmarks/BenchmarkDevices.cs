using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>The devices that are measured: the processor and every device ILGPU finds, without its simulator.</summary>
internal static class BenchmarkDevices
{
    private static readonly Lazy<string[]> Precisions = new(() => [.. Present, .. Present.Skip(1).Where(HasTensorCores).SelectMany(id => new[] { $"{id}/tf32", $"{id}/fp16", $"{id}/bf16" })]);

    /// <summary>Devices in fp32.</summary>
    public static IEnumerable<string> Present
        => ["cpu", .. IlgpuBackend.Devices().Where(d => d.Kind != DeviceKind.Simulator).Select(d => d.Id)];

    /// <summary>The same, and every precision in which they multiply matrices.</summary>
    public static IEnumerable<string> WithPrecisions => Precisions.Value;

    /// <summary>Opens "cpu", "cuda:0" or "cuda:0/bf16".</summary>
    public static Backend Open(string name) => Backends.Open(name);

    private static bool HasTensorCores(string id)
    {
        try
        {
            using var backend = IlgpuBackend.Open(id, MatrixPrecision.Bf16);
            return true;
        }
        catch (DeviceException)
        {
            return false;
        }
    }
}
