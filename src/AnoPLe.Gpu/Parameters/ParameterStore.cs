using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Parameters;

/// <summary>
/// Every learnable tensor, its gradient and its two moments. They lie one after another in four blocks of device memory, those of one
/// optimiser group next to each other, so that clearing, watching and updating all of them is a handful of calls.
/// </summary>
internal sealed class ParameterStore : IDisposable
{
    private const int Alignment = 16; // a cache line and every vector
    private readonly Arena arena;
    private readonly Tensor values, gradients, first, second, norm;
    private readonly Dictionary<string, (Tensor Value, Tensor Gradient, Tensor First, Tensor Second)> byName = new(StringComparer.Ordinal);
    private readonly Segment[] segments;

    /// <summary>Takes memory and clears the moments. <see cref="Initialize"/> or writing to <see cref="Value"/> fill them.</summary>
    public ParameterStore(Backend backend, IReadOnlyList<ParameterDeclaration> declarations)
    {
        Backend = backend;
        Declarations = declarations;
        int total = 0;
        List<(ParameterDeclaration Declaration, int Offset)> places = [];
        List<(ParameterGroup Group, int Offset, int Count)> groups = [];
        foreach (var group in declarations.GroupBy(d => d.Group).OrderBy(g => g.Key))
        {
            int start = total;
            foreach (var declaration in group)
            {
                places.Add((declaration, total));
                total = checked((total + declaration.Shape.Count + Alignment - 1) / Alignment * Alignment);
            }
            groups.Add((group.Key, start, total - start));
        }
        arena = new Arena(backend);
        try
        {
            values = arena.Take("param", new(total));
            gradients = arena.Take("grad", new(total));
            first = arena.Take("adam.m", new(total));
            second = arena.Take("adam.v", new(total));
            norm = arena.Take("grad.norm", new(1));
            arena.Seal();
            backend.Clear(values);
            backend.Clear(gradients);
            backend.Clear(first);
            backend.Clear(second);
        }
        catch
        {
            arena.Dispose();
            throw;
        }
        foreach (var (declaration, offset) in places)
        {
            var shape = declaration.Shape;
            byName.Add(declaration.Name, (values.View(declaration.Name, shape, offset), gradients.View("grad/" + declaration.Name, shape, offset),
                first.View("adam.m/" + declaration.Name, shape, offset), second.View("adam.v/" + declaration.Name, shape, offset)));
        }
        segments = [.. groups.Select(g => new Segment(g.Group, Part(values, g), Part(gradients, g), Part(first, g), Part(second, g)))];

        static Tensor Part(Tensor whole, (ParameterGroup Group, int Offset, int Count) g) => whole.View($"{whole.Name}.{g.Group}", new(g.Count), g.Offset);
    }

    /// <summary>Where they are.</summary>
    public Backend Backend { get; }

    /// <summary>What there is, in the order of SPEC section 5.</summary>
    public IReadOnlyList<ParameterDeclaration> Declarations { get; }

    /// <summary>A parameter.</summary>
    public Tensor Value(string name) => byName[name].Value;

    /// <summary>Its gradient.</summary>
    public Tensor Gradient(string name) => byName[name].Gradient;

    /// <summary>AdamW's moments of a parameter.</summary>
    public (Tensor First, Tensor Second) Moments(string name) => (byName[name].First, byName[name].Second);

    /// <summary>Whether there is such a parameter.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>First values: normal numbers that depend on the seed, the name and the position alone, or constants.</summary>
    public void Initialize(ulong seed)
    {
        foreach (var declaration in Declarations)
        {
            var numbers = new float[declaration.Shape.Count];
            if (declaration.Std > 0)
                CounterNormal.Fill(CounterNormal.Key(seed, declaration.Name), 0, (float)declaration.Std, numbers);
            else
                numbers.AsSpan().Fill(declaration.Constant);
            Backend.Write(Value(declaration.Name), numbers);
        }
    }

    /// <summary>Sets all gradients to zero, because backward operations add.</summary>
    public void ClearGradients() => Backend.Clear(gradients);

    /// <summary>Norm of all gradients together; not finite when one of them is not.</summary>
    public float GradientNorm()
    {
        Backend.SquaredNorm.Forward(norm, gradients);
        Span<float> square = stackalloc float[1];
        Backend.Read(norm, square);
        return MathF.Sqrt(square[0]);
    }

    /// <summary>One AdamW step over every parameter.</summary>
    /// <param name="step">Rate of everything but the couplings; its decay is that of the couplings' and the decoder's matrices alone.</param>
    /// <param name="couplingRate">Rate of the couplings.</param>
    public void Update(AdamWStep step, double couplingRate)
    {
        foreach (var segment in segments)
        {
            bool isCoupling = segment.Group is ParameterGroup.CouplingWeight or ParameterGroup.CouplingBias;
            bool decays = segment.Group is ParameterGroup.CouplingWeight or ParameterGroup.DecoderWeight;
            Backend.AdamW.Update(segment.Values, segment.First, segment.Second, segment.Gradients, step with
            {
                LearningRate = isCoupling ? couplingRate : step.LearningRate,
                WeightDecay = decays ? step.WeightDecay : 0,
            });
        }
    }

    /// <inheritdoc/>
    public void Dispose() => arena.Dispose();

    private sealed record Segment(ParameterGroup Group, Tensor Values, Tensor Gradients, Tensor First, Tensor Second);
}
