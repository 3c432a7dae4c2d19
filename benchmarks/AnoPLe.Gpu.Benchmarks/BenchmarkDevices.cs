using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>The devices that are measured: the processor and every device ILGPU finds, without its simulator.</summary>
internal static class BenchmarkDevices
{
    public static IEnumerable<string> Present
        => ["cpu", .. IlgpuBackend.Devices().Where(d => d.Kind != DeviceKind.Simulator).Select(d => d.Id)];

    public static Backend Open(string id) => id == "cpu" ? new CpuBackend() : IlgpuBackend.Open(id);
}
