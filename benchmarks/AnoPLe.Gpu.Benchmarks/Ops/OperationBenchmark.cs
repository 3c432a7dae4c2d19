using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using BenchmarkDotNet.Attributes;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>
/// One operation at the sizes of ViT-B/16+ 240: 226 tokens and 4 prompts, width 896, 14 heads. A call ends with a synchronisation, or
/// we would time the launch; the first call, which compiles, is part of the setup (see <see cref="ColdStartBenchmark"/>).
/// </summary>
[Config(typeof(SteadyConfig))]
public abstract class OperationBenchmark : IMeasuredWork
{
    protected const int T = 230, C = 896, H = 14, Grid = 15;

    private readonly List<IDisposable> owned = [];
    private Action? call;

    public static IEnumerable<string> Devices => BenchmarkDevices.Present;

    [ParamsSource(nameof(Devices))]
    public virtual string Device { get; set; } = "cpu";

    [Params(1, 8)]
    public virtual int Batch { get; set; }

    public abstract Work Work { get; }

    protected Backend Backend { get; private set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        Backend = BenchmarkDevices.Open(Device);
        call = Prepare();
        Forward();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var thing in owned)
            thing.Dispose();
        owned.Clear();
        Backend.Dispose();
    }

    [Benchmark]
    public void Forward()
    {
        call!();
        Backend.Synchronize();
    }

    /// <summary>Places the operands and gives the call.</summary>
    protected abstract Action Prepare();

    /// <summary>A tensor of seeded values.</summary>
    protected Tensor Filled(params ReadOnlySpan<int> shape)
    {
        var s = new Shape(shape);
        return Own(Backend.Upload("filled", s, Random(s.Count)));
    }

    protected Tensor Empty(params ReadOnlySpan<int> shape) => Own(Backend.Allocate("empty", new(shape)));

    protected TThing Own<TThing>(TThing thing)
        where TThing : IDisposable
    {
        owned.Add(thing);
        return thing;
    }

    internal static float[] Random(int count)
    {
        var random = new Random(count);
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = 2 * random.NextSingle() - 1;
        return values;
    }

    /// <summary>Bytes of this many floats read or written once.</summary>
    protected static Work Traffic(double floats) => new(sizeof(float) * floats, "B");
}

/// <summary>An operation that multiplies matrices, which a GPU does in several precisions.</summary>
public abstract class MatrixBenchmark : OperationBenchmark
{
    public static IEnumerable<string> Precisions => BenchmarkDevices.WithPrecisions;

    [ParamsSource(nameof(Precisions))]
    public override string Device { get; set; } = "cpu";
}
