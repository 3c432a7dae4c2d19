using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>The process's one ILGPU context and the devices in it, created on first use and kept until the process ends.</summary>
internal static class IlgpuContext
{
    private static readonly Lazy<Context> Shared = new(Create);

    /// <summary>The context: optimisation level 2, without which ILGPU emits generic loads and stores.</summary>
    public static Context Value => Shared.Value;

    /// <summary>
    /// The accelerators of all backends. On CUDA one context serves all backends of a device, each with a stream of its own: what they enqueue may overlap, kernels are
    /// compiled once, and the driver's memory for a context is taken once. Two contexts would take turns instead. OpenCL passes arguments to a kernel object that threads
    /// would share, so there every backend has a context of its own, as on the simulator.
    /// </summary>
    public static Shared<Device, Accelerator> Accelerators { get; } = new(device => device.CreateAccelerator(Value), device => device is CudaDevice);

    /// <summary>Every device under the name it is opened by: CUDA, then OpenCL, then the simulator.</summary>
    public static IReadOnlyList<(DeviceInfo Info, Device Device)> Devices { get; } = List();

    private static Context Create()
    {
        MapLibraryNames();
        return Context.Create(builder =>
        {
            builder.Optimize(OptimizationLevel.O2).EnableAlgorithms().EnableLocalBarrier().EnableTensorCores();
            // Warps of 32 as on NVIDIA; one multiprocessor, because more only add threads that compete for the same cores.
            builder.CPU(new CPUDevice(numThreadsPerWarp: 32, numWarpsPerMultiprocessor: 8, numMultiprocessors: 1));
            TryAdd(() => builder.Cuda());
            TryAdd(() => builder.OpenCL(AcceptGenericAddressSpace));
        });
    }

    // Without a driver ILGPU finds no devices or throws, depending on what is missing; either way the others remain.
    private static void TryAdd(Action add)
    {
        try
        {
            add();
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or NotSupportedException or AcceleratorException
            or TypeInitializationException or BadImageFormatException)
        {
            System.Diagnostics.Trace.TraceInformation($"ILGPU: {e.Message}");
        }
    }

    // ILGPU hides devices that do not announce OpenCL's generic address space. Our kernels never need it: after optimisation every
    // pointer has a known address space, and a kernel that did need it would fail to build instead of running wrongly.
    private static bool AcceptGenericAddressSpace(CLDevice device)
    {
        if (!device.Capabilities.GenericAddressSpace)
            typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!.SetValue(device.Capabilities, true);
        return true;
    }

    // ILGPU asks for "cuda" and "OpenCL"; Linux has lib*.so links of those names only where development packages are installed.
    private static void MapLibraryNames()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
        }
        catch (InvalidOperationException)
        {
            // The application has set its own resolver for ILGPU; that one decides.
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        string? file = name switch { "OpenCL" => "libOpenCL.so.1", "cuda" => "libcuda.so.1", _ => null };
        return file is not null && NativeLibrary.TryLoad(file, out nint handle) ? handle : 0;
    }

    private static List<(DeviceInfo, Device)> List()
    {
        List<(DeviceInfo, Device)> devices = [];
        foreach (CudaDevice device in Value.GetCudaDevices())
            devices.Add((new($"cuda:{devices.Count}", DeviceKind.Cuda, device.Name, device.MemorySize,
                $"CUDA driver {device.DriverVersion}, {device.Architecture}, {device.NumMultiprocessors} multiprocessors", IsGpu: true), device));
        int cuda = devices.Count;
        foreach (CLDevice device in Value.GetCLDevices())
            devices.Add((new($"opencl:{devices.Count - cuda}", DeviceKind.OpenCl, device.Name, device.MemorySize,
                $"{device.VendorName}, {device.DeviceVersion}, {device.NumMultiprocessors} compute units",
                (device.DeviceType & CLDeviceType.CL_DEVICE_TYPE_GPU) != 0), device));
        devices.Add((new("simulator", DeviceKind.Simulator, "ILGPU simulator", 0,
            "Runs the kernels in .NET, one thread per GPU thread: for tests and debugging", IsGpu: false), Value.GetCPUDevice(0)));
        return devices;
    }
}
