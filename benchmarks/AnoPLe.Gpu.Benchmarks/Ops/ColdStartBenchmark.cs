using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>
/// Opening a device and the first call of the encoder's four main operations: driver, kernel compilation and JIT, which the other
/// benchmarks leave out. One call per benchmark, because a second would find everything compiled.
/// </summary>
[Config(typeof(ColdConfig))]
public class ColdStartBenchmark
{
    public static IEnumerable<string> Devices => BenchmarkDevices.Present;

    [ParamsSource(nameof(Devices))]
    public string Device { get; set; } = "cpu";

    [Benchmark]
    public float OpenAndCallOnce()
    {
        using var backend = BenchmarkDevices.Open(Device);
        using Tensor x = backend.Upload("x", new(1, 8, 192), new float[8 * 192]), y = backend.Allocate("y", new(1, 8, 64)), vector = backend.Upload("v", new(64), new float[64]);
        using var weight = backend.Linear.Pack("w", new float[64 * 64], new float[64], 64, 64);
        backend.Attention.Forward(y, x, 2);
        backend.LayerNorm.Forward(y, y, vector, vector);
        using var z = backend.Allocate("z", new(1, 8, 64));
        backend.Linear.Forward(z, y, weight);
        backend.L2Normalize.Forward(z, z);
        return backend.Download(z)[0];
    }
}
