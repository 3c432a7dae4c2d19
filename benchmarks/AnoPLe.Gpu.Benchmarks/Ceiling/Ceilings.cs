using System.Collections.Concurrent;
using System.Diagnostics;
using AnoPLe.Gpu.Benchmarks.Ladder;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Ilgpu;
using ILGPU;
using ILGPU.Runtime;

namespace AnoPLe.Gpu.Benchmarks.Ceiling;

/// <summary>
/// What a device reaches at best, measured: products in registers without any load, and a copy that no cache holds. Data sheets name more than a device in use can do; these
/// two are what a kernel can be held against. Measured once in a process.
/// </summary>
internal static class Ceilings
{
    private const int CopiedFloats = 1 << 26, Trials = 5, Threads = 256, GroupsPerProcessor = 8;
    private const double CpuSeconds = 0.5, LaunchSeconds = 0.02;

    private static readonly ConcurrentDictionary<(string Device, string Unit), double> Measured = new();

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, ArrayView<float> result, int steps);

    /// <summary>FLOP/s or B/s of a device in its precision; null for units that have no ceiling.</summary>
    /// <exception cref="DeviceException">The device cannot be opened.</exception>
    public static double? Of(string device, string unit) => unit switch
    {
        "FLOP" => Measured.GetOrAdd((device, unit), _ => Arithmetic(device)),
        "B" => Measured.GetOrAdd((Memory(device), unit), _ => Copying(Memory(device))),
        _ => null,
    };

    /// <summary>Floating-point operations of one launch of so many groups and steps.</summary>
    public static double Flop(MatrixPrecision precision, int groups, int steps) => precision switch
    {
        MatrixPrecision.Fp32 => 2.0 * CeilingKernels.Sums * groups * Threads * steps,
        MatrixPrecision.Tf32 => 2.0 * 16 * 8 * 8 * CeilingKernels.Fragments * groups * (Threads / 32) * steps,
        _ => 2.0 * 16 * 8 * 16 * CeilingKernels.Fragments * groups * (Threads / 32) * steps,
    };

    // The precision does not matter to a copy.
    private static string Memory(string device) => device.Split('/')[0];

    private static double Arithmetic(string device)
    {
        using Backend backend = BenchmarkDevices.Open(device);
        if (backend is not IlgpuBackend gpu)
            return PeakRate.Measure(Environment.ProcessorCount, CpuSeconds);
        Launch launch = gpu.MatrixPrecision switch
        {
            MatrixPrecision.Bf16 => gpu.Load<Launch>(nameof(Ceilings), CeilingKernels.Matrices<Bf16>),
            MatrixPrecision.Fp16 => gpu.Load<Launch>(nameof(Ceilings), CeilingKernels.Matrices<Fp16>),
            MatrixPrecision.Tf32 => gpu.Load<Launch>(nameof(Ceilings), CeilingKernels.Matrices<Tf32>),
            _ => gpu.Load<Launch>(nameof(Ceilings), CeilingKernels.Floats),
        };
        int groups = GroupsPerProcessor * gpu.Accelerator.NumMultiprocessors;
        using Tensor result = gpu.Allocate("result", new(groups * Threads));
        // Enough steps that a launch takes so long that its beginning and end do not count.
        int steps = 64;
        while (Time(gpu, () => launch(gpu.Stream, new(groups, Threads), result.View(gpu), steps)) < LaunchSeconds && steps < 1 << 24)
            steps *= 2;
        double best = Enumerable.Range(0, Trials).Min(_ => Time(gpu, () => launch(gpu.Stream, new(groups, Threads), result.View(gpu), steps)));
        return Flop(gpu.MatrixPrecision, groups, steps) / best;
    }

    private static double Copying(string device)
    {
        using Backend backend = BenchmarkDevices.Open(device);
        using Tensor from = backend.Allocate("from", new(CopiedFloats)), to = backend.Allocate("to", new(CopiedFloats));
        backend.Clear(from);
        backend.Copy(to, from);
        double best = Enumerable.Range(0, Trials).Min(_ => Time(backend, () => backend.Copy(to, from)));
        return 2.0 * sizeof(float) * CopiedFloats / best;
    }

    private static double Time(Backend backend, Action run)
    {
        backend.Synchronize();
        long start = Stopwatch.GetTimestamp();
        run();
        backend.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
