using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Testing;

/// <summary>The backends every operation is tested on. Managed SIMD and the simulator always run; the others when present, else skipped.</summary>
public static class TestBackends
{
    /// <summary>Test classes that use these backends name this collection, so that they take turns: a backend serves one thread at a time.</summary>
    public const string Collection = "Backends";

    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, Backend> Opened = [];

    /// <summary>Rows of a theory: one per backend.</summary>
    public static TheoryData<string> All => Rows("cpu", "simulator", "opencl", "cuda");

    /// <summary>Rows of a theory with larger sizes: not the simulator, which would take minutes.</summary>
    public static TheoryData<string> Fast => Rows("cpu", "opencl", "cuda");

    /// <summary>The backend, opened once and kept. Skips the test when this machine has no such device.</summary>
    public static Backend Open(string name)
    {
        lock (Gate)
        {
            if (!Opened.TryGetValue(name, out var backend))
                Opened[name] = backend = Create(name);
            return backend;
        }
    }

    // The trait lets one backend's rows be run alone: dotnet test --filter Backend=cpu.
    private static TheoryData<string> Rows(params string[] names)
        => new(names.Select(name => new TheoryDataRow<string>(name).WithTrait("Backend", name)));

    private static Backend Create(string name)
    {
        switch (name)
        {
            case "cpu":
                return new CpuBackend(threads: 2);
            case "simulator":
                return IlgpuBackend.Open("simulator");
            default:
                var device = IlgpuBackend.Devices().FirstOrDefault(d => d.Id.StartsWith(name + ":", StringComparison.Ordinal));
                if (device is null)
                    Assert.Skip($"No {name} device on this machine.");
                return IlgpuBackend.Open(device.Id);
        }
    }
}
