namespace AnoPLe.Gpu.Compute;

/// <summary>
/// Owns the named tensors of one model and batch size. They are all taken while the owner is built; after <see cref="Seal"/>
/// nothing more can be allocated, so a step that runs on an arena allocates nothing.
/// </summary>
public sealed class Arena(Backend backend) : IDisposable
{
    private readonly List<Tensor> tensors = [];
    private readonly HashSet<string> names = [];
    private bool isSealed;

    /// <summary>Where the memory is.</summary>
    public Backend Backend { get; } = backend;

    /// <summary>Every tensor, in the order of allocation.</summary>
    public IReadOnlyList<Tensor> Tensors => tensors;

    /// <summary>Device memory held, in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Takes memory for a named activation. The content is undefined.</summary>
    /// <exception cref="InvalidOperationException">The arena is sealed, or the name is taken.</exception>
    /// <exception cref="DeviceException">The device is out of memory.</exception>
    public Tensor Take(string name, Shape shape, ElementType type = ElementType.F32)
    {
        if (isSealed)
            throw new InvalidOperationException($"'{name}' {shape} was asked of a sealed arena. Take every tensor before the first step.");
        if (!names.Add(name))
            throw new InvalidOperationException($"The arena already holds a tensor '{name}'.");
        var tensor = Backend.Allocate(name, shape, type);
        tensors.Add(tensor);
        Bytes += (type == ElementType.Half ? 2L : 4L) * shape.Count;
        return tensor;
    }

    /// <summary>Forbids any further allocation.</summary>
    public void Seal() => isSealed = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in tensors)
            tensor.Dispose();
        tensors.Clear();
    }
}
