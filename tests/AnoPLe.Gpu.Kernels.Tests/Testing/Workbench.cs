using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>
/// Tensors for one call of an operation. Each is a view inside a larger tensor whose other elements are guards: NaN around inputs, so
/// that reading outside is seen in the result, and a sentinel around outputs. Outputs begin as NaN, so that an unwritten element is seen.
/// </summary>
internal sealed class Workbench(Backend backend, int offset = Workbench.Aligned) : IDisposable
{
    /// <summary>An offset that keeps 256-byte alignment.</summary>
    public const int Aligned = 64;

    /// <summary>An offset that breaks every vector's alignment.</summary>
    public const int Odd = 5;

    private const int Behind = 131;
    private const float Sentinel = -7654.25f;
    private readonly List<Guarded> tensors = [];
    private readonly List<IDisposable> owned = [];

    /// <summary>On one of the test backends, which stays open.</summary>
    public Workbench(string backend, int offset = Aligned)
        : this(TestBackends.Open(backend), offset)
    {
    }

    public Backend Backend { get; } = backend;

    /// <summary>A tensor that the operation reads and must not change.</summary>
    public Tensor Input(string name, Shape shape, float[] values) => Place(name, shape, values, float.NaN, isInput: true);

    /// <summary>A tensor that the operation must write completely.</summary>
    public Tensor Output(string name, params ReadOnlySpan<int> shape)
    {
        var s = new Shape(shape);
        var poison = new float[s.Count];
        Array.Fill(poison, float.NaN);
        return Place(name, s, poison, Sentinel, isInput: false);
    }

    /// <summary>A tensor that the operation reads and writes.</summary>
    public Tensor InOut(string name, Shape shape, float[] values) => Place(name, shape, values, Sentinel, isInput: false);

    /// <summary>An index tensor.</summary>
    public Tensor Indices(string name, params int[] values)
    {
        // Guards are zero: a stray read must not become a stray address.
        var whole = Own(Backend.Upload(name + ".whole", new(offset + values.Length + Behind), [.. new int[offset], .. values, .. new int[Behind]]));
        return whole.View(name, new(values.Length), offset);
    }

    /// <summary>A packed weight matrix given as [out, in].</summary>
    public PackedLinear Weight(string name, float[] weight, float[] bias, int outFeatures, int inFeatures,
        WeightLayout layout = WeightLayout.OutIn) => Own(Backend.Linear.Pack(name, weight, bias, outFeatures, inFeatures, layout));

    /// <summary>Waits, checks every guard and every input, and reads one tensor.</summary>
    public float[] Read(Tensor tensor)
    {
        Backend.Synchronize();
        foreach (var guarded in tensors)
            guarded.Check(Backend, offset);
        return Backend.Download(tensor);
    }

    public void Dispose()
    {
        foreach (var thing in owned)
            thing.Dispose();
    }

    private Tensor Place(string name, Shape shape, float[] values, float guard, bool isInput)
    {
        var whole = new float[offset + values.Length + Behind];
        Array.Fill(whole, guard);
        values.CopyTo(whole, offset);
        var tensor = Own(Backend.Upload(name + ".whole", new(whole.Length), whole));
        tensors.Add(new(tensor, whole, values.Length, isInput));
        return tensor.View(name, shape, offset);
    }

    private T Own<T>(T thing)
        where T : IDisposable
    {
        owned.Add(thing);
        return thing;
    }

    private sealed record Guarded(Tensor Tensor, float[] Before, int Count, bool IsInput)
    {
        public void Check(Backend backend, int offset)
        {
            float[] after = backend.Download(Tensor);
            if (!IsInput)
                Array.Copy(Before, offset, after, offset, Count);
            int i = Close.FirstDifference(after, Before);
            if (i >= 0)
                Assert.Fail($"'{Tensor.Name}': {(i >= offset && i < offset + Count ? "an input" : "a neighbour's")} element, {i - offset}, was {Before[i]} and became {after[i]}.");
        }
    }
}
