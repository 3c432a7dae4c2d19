using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu;

/// <summary>Devices of this machine, and backends on them. The only place that knows the kernel projects.</summary>
public static class Backends
{
    /// <summary>Environment variable that overrides the automatic choice: "cpu", "cuda:0", "cuda:0/bf16", "opencl:0", "simulator".</summary>
    public const string DeviceVariable = "ANOPLE_DEVICE";

    /// <summary>Most threads that the processor's backend takes.</summary>
    public const int MaxThreads = CpuBackend.MaxThreads;

    /// <summary>Every device, in the order of preference: CUDA, OpenCL GPUs, the processor, then what is only used when named.</summary>
    public static IReadOnlyList<DeviceInfo> Devices()
    {
        IEnumerable<DeviceInfo> all = [.. IlgpuBackend.Devices(), CpuBackend.Describe()];
        return [.. all.OrderBy(Preference)];
    }

    /// <summary>The best device: the one named by <see cref="DeviceVariable"/>, else CUDA, else an OpenCL GPU, else the processor; in fp32 unless the name says otherwise.</summary>
    /// <param name="threads">Threads of the processor's backend; 0 for all that this process may use.</param>
    /// <exception cref="DeviceException">The named device is not there, or the chosen one cannot be opened.</exception>
    public static Backend Auto(int threads = 0) => Open("auto", threads);

    /// <summary>Opens a device by name.</summary>
    /// <param name="device">
    /// "auto", "cpu", "cuda:0", "opencl:0" or "simulator". "/bf16" or "/fp16" after it lets linear layers and attention compute in that with fp32 sums, "/tf32" linear layers alone, on
    /// tensor cores: CUDA devices of compute capability 8.0 or newer, and the simulator. "cpu/bf16" keeps their weights in bf16, in half the memory, and computes in fp32. "/fp32" is the default. No device falls
    /// back to another precision.
    /// </param>
    /// <param name="threads">Threads of the processor's backend; 0 for all that this process may use.</param>
    /// <exception cref="DeviceException">There is no such device, it cannot be opened, or it cannot compute in that precision. The message says what is there.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public static Backend Open(string device, int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        var (id, precision) = Parse(device);
        if (IsAuto(id))
        {
            if (Environment.GetEnvironmentVariable(DeviceVariable) is { Length: > 0 } named && !IsAuto(named))
                (id, precision) = Parse(named);
            else
                id = Devices().First(found => found.IsGpu || found.Kind == DeviceKind.Cpu).Id;
        }
        if (id == "cpu")
            return new CpuBackend(threads, precision);
        if (Devices().Any(found => found.Id == Numbered(id)))
            return IlgpuBackend.Open(Numbered(id), precision);
        throw new DeviceException(
            $"There is no device '{device}' on this machine. Present: {string.Join(", ", Devices().Select(d => d.Id))}. " +
            "Name one of these, or 'auto'; 'anople doctor' says what is missing for the others.");
    }

    // "cuda:0/bf16" is a device and a precision.
    private static (string Id, MatrixPrecision Precision) Parse(string device)
    {
        string id = device.Trim().ToLowerInvariant();
        foreach (MatrixPrecision precision in Enum.GetValues<MatrixPrecision>())
            if (id.EndsWith($"/{precision}", StringComparison.OrdinalIgnoreCase))
                return (id[..id.LastIndexOf('/')], precision);
        return (id, MatrixPrecision.Fp32);
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
