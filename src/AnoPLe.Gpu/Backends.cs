using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu;

/// <summary>Devices of this machine, and backends on them. The only place that knows the kernel projects.</summary>
public static class Backends
{
    /// <summary>Environment variable that overrides the automatic choice: "cpu", "cuda:0", "opencl:0", "simulator".</summary>
    public const string DeviceVariable = "ANOPLE_DEVICE";

    /// <summary>Every device, in the order of preference: CUDA, OpenCL GPUs, the processor, then what is only used when named.</summary>
    public static IReadOnlyList<DeviceInfo> Devices()
    {
        IEnumerable<DeviceInfo> all = [.. IlgpuBackend.Devices(), CpuBackend.Describe()];
        return [.. all.OrderBy(Preference)];
    }

    /// <summary>The best device: the one named by <see cref="DeviceVariable"/>, else CUDA, else an OpenCL GPU, else the processor.</summary>
    /// <param name="threads">Threads of the processor's backend; 0 for all that this process may use.</param>
    /// <param name="precision">What linear layers compute in.</param>
    /// <exception cref="DeviceException">The named device is not there, or the chosen one cannot be opened or compute in that precision.</exception>
    public static Backend Auto(int threads = 0, MatrixPrecision precision = MatrixPrecision.Fp32)
    {
        if (Environment.GetEnvironmentVariable(DeviceVariable) is { Length: > 0 } named && !IsAuto(named))
            return Open(named, threads, precision);
        var best = Devices().First(device => device.IsGpu || device.Kind == DeviceKind.Cpu);
        return Open(best.Id, threads, precision);
    }

    /// <summary>Opens a device by name.</summary>
    /// <param name="device">"auto", "cpu", "cuda:0", "opencl:0" or "simulator".</param>
    /// <param name="threads">Threads of the processor's backend; 0 for all that this process may use.</param>
    /// <param name="precision">What linear layers compute in. bf16 needs a CUDA device with tensor cores, or the simulator; no device falls back to another precision.</param>
    /// <exception cref="DeviceException">There is no such device, it cannot be opened, or it cannot compute in that precision. The message says what is there.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public static Backend Open(string device, int threads = 0, MatrixPrecision precision = MatrixPrecision.Fp32)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        string id = device.Trim().ToLowerInvariant();
        return id switch
        {
            _ when IsAuto(id) => Auto(threads, precision),
            "cpu" => precision == MatrixPrecision.Fp32 ? new CpuBackend(threads)
                : throw new DeviceException("The processor computes in fp32. Use fp32, or a CUDA device with tensor cores."),
            _ when Devices().Any(d => d.Id == Numbered(id)) => IlgpuBackend.Open(Numbered(id), precision),
            _ => throw new DeviceException(
                $"There is no device '{device}' on this machine. Present: {string.Join(", ", Devices().Select(d => d.Id))}. " +
                "Name one of these, or 'auto'; 'anople doctor' says what is missing for the others."),
        };
    }

    private static bool IsAuto(string device) => device.Trim() is "" || device.Trim().Equals("auto", StringComparison.OrdinalIgnoreCase);

    // "cuda" means the first one.
    private static string Numbered(string id) => id is "cuda" or "opencl" ? id + ":0" : id;

    private static int Preference(DeviceInfo device) => device switch
    {
        { Kind: DeviceKind.Cuda } => 0,
        { Kind: DeviceKind.OpenCl, IsGpu: true } => 1,
        { Kind: DeviceKind.Cpu } => 2,
        { Kind: DeviceKind.OpenCl } => 3,
        _ => 4,
    };
}
