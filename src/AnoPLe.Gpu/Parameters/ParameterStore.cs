using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Parameters;

/// <summary>
/// Every learnable tensor, its gradient and its two moments. They lie one after another in four blocks of device memory, those of one
/// optimiser group next to each other, so that clearing, watching and updating all of them is a handful of calls.
/// </summary>
internal sealed class ParameterStore : IDisposable
{
    private const int Alignment = 16; // a cache line and every vector
    private readonly Arena arena;
    private readonly Tensor values;
    private readonly Training? training;
    private readonly Dictionary<string, Tensor> byName = new(StringComparer.Ordinal);

    /// <summary>Takes memory, all zeros. <see cref="Initialize"/> or writing to <see cref="Value"/> fill the values.</summary>
    /// <param name="backend">Where they live.</param>
    /// <param name="declarations">What there is.</param>
    /// <param name="isTrainable">Without it there are values alone: for a detector that only scores.</param>
    public ParameterStore(Backend backend, IReadOnlyList<ParameterDeclaration> declarations, bool isTrainable = true)
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
            backend.Clear(values);
            training = isTrainable ? new Training(arena, values, places, groups) : null;
            arena.Seal();
        }
        catch
        {
            arena.Dispose();
            throw;
        }
        foreach (var (declaration, offset) in places)
            byName.Add(declaration.Name, values.View(declaration.Name, declaration.Shape, offset));
    }

    /// <summary>Where they are.</summary>
    public Backend Backend { get; }

    /// <summary>What there is, in the order of SPEC section 5.</summary>
    public IReadOnlyList<ParameterDeclaration> Declarations { get; }

    /// <summary>A parameter.</summary>
    public Tensor Value(string name) => byName[name];

    /// <summary>Its gradient.</summary>
    public Tensor Gradient(string name) => Trained.ByName[name].Gradient;

    /// <summary>AdamW's moments of a parameter.</summary>
    public (Tensor First, Tensor Second) Moments(string name) => (Trained.ByName[name].First, Trained.ByName[name].Second);

    /// <summary>Whether there are gradients and moments.</summary>
    public bool IsTrainable => training is not null;

    private Training Trained => training ?? throw new InvalidOperationException("These parameters were loaded for scoring and have no gradients.");

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
    public void ClearGradients() => Backend.Clear(Trained.Gradients);

    /// <summary>Norm of all gradients together; not finite when one of them is not.</summary>
    public float GradientNorm()
    {
        Backend.SquaredNorm.Forward(Trained.Norm, Trained.Gradients);
        Span<float> square = stackalloc float[1];
        Backend.Read(Trained.Norm, square);
        return MathF.Sqrt(square[0]);
    }

    /// <summary>One AdamW step over every parameter.</summary>
    /// <param name="step">Rate of everything but the couplings; its decay is that of the couplings' and the decoder's matrices alone.</param>
    /// <param name="couplingRate">Rate of the couplings.</param>
    public void Update(AdamWStep step, double couplingRate)
    {
        foreach (var segment in Trained.Segments)
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

    /// <summary>What only training needs: gradients, moments, and the runs of the optimiser's groups.</summary>
    private sealed class Training
    {
        public Training(Arena arena, Tensor values, IReadOnlyList<(ParameterDeclaration Declaration, int Offset)> places,
            IReadOnlyList<(ParameterGroup Group, int Offset, int Count)> groups)
        {
            Gradients = arena.Take("grad", values.Shape);
            Tensor first = arena.Take("adam.m", values.Shape), second = arena.Take("adam.v", values.Shape);
            Norm = arena.Take("grad.norm", new(1));
            foreach (var tensor in new[] { Gradients, first, second })
                arena.Backend.Clear(tensor);
            foreach (var (declaration, offset) in places)
                ByName.Add(declaration.Name, (View(Gradients, declaration, offset), View(first, declaration, offset), View(second, declaration, offset)));
            Segments = [.. groups.Select(g => new Segment(g.Group, Run(values, g), Run(Gradients, g), Run(first, g), Run(second, g)))];
        }

        public Tensor Gradients { get; }

        public Tensor Norm { get; }

        public Dictionary<string, (Tensor Gradient, Tensor First, Tensor Second)> ByName { get; } = new(StringComparer.Ordinal);

        public Segment[] Segments { get; }

        private static Tensor View(Tensor whole, ParameterDeclaration declaration, int offset) =>
            whole.View($"{whole.Name}/{declaration.Name}", declaration.Shape, offset);

        private static Tensor Run(Tensor whole, (ParameterGroup Group, int Offset, int Count) g) => whole.View($"{whole.Name}.{g.Group}", new(g.Count), g.Offset);
    }
}
