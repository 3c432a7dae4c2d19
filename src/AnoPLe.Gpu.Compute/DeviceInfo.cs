namespace AnoPLe.Gpu.Compute;

/// <summary>What kind of device a backend computes on.</summary>
public enum DeviceKind
{
    /// <summary>Managed SIMD on this machine's processor.</summary>
    Cpu,

    /// <summary>NVIDIA GPU through CUDA's driver.</summary>
    Cuda,

    /// <summary>OpenCL device.</summary>
    OpenCl,

    /// <summary>ILGPU's simulator: correct and very slow, for tests and debugging of kernels.</summary>
    Simulator,
}

/// <summary>A device that a backend can be opened on, or was opened on.</summary>
/// <param name="Id">What <c>--device</c> takes: "cpu", "cuda:0", "opencl:1", "simulator".</param>
/// <param name="Kind">Kind of device.</param>
/// <param name="Name">The vendor's name of the device.</param>
/// <param name="MemoryBytes">Memory in bytes that the device offers; 0 when unknown.</param>
/// <param name="Details">Driver, instruction set, threads, precision: one line for people.</param>
/// <param name="IsGpu">Whether it is a GPU (an OpenCL device may be a CPU). Only GPUs are chosen automatically.</param>
public sealed record DeviceInfo(string Id, DeviceKind Kind, string Name, long MemoryBytes, string Details, bool IsGpu);

/// <summary>A device is missing, ran out of memory or failed. The message says which, and the next step.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>Creates the exception without a message.</summary>
    public DeviceException()
    {
    }

    /// <summary>Creates the exception with a message.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public DeviceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
