namespace AnoPLe.Gpu.Compute;

/// <summary>What one element of a tensor is.</summary>
public enum ElementType
{
    /// <summary>32-bit IEEE float.</summary>
    F32,

    /// <summary>32-bit signed integer: row and class indices.</summary>
    I32,

    /// <summary>
    /// 16-bit float in the precision of the backend's matrix products, bf16 or fp16: what passes from one operation of a block to the next, where
    /// <see cref="Backend.ActivationType"/> says so. The host sees floats.
    /// </summary>
    Half,
}

/// <summary>
/// A named, shaped, dense row-major block of device memory that belongs to one backend.
/// The bytes are reached through <see cref="Backend.Read(Tensor, Span{float})"/> and
/// <see cref="Backend.Write(Tensor, ReadOnlySpan{float})"/>; kernels reach them through their backend's one downcast.
/// </summary>
public abstract class Tensor : IDisposable
{
    /// <summary>Names and shapes a tensor.</summary>
    protected Tensor(Backend backend, string name, Shape shape, ElementType type)
    {
        Backend = backend;
        Name = name;
        Shape = shape;
        Type = type;
    }

    /// <summary>The backend whose memory this is.</summary>
    public Backend Backend { get; }

    /// <summary>What the tensor is called in error messages and traces, for instance "vis.x".</summary>
    public string Name { get; }

    /// <summary>Axes, slowest first.</summary>
    public Shape Shape { get; }

    /// <summary>Element type.</summary>
    public ElementType Type { get; }

    /// <summary>Number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>Row length of row-wise operations: the last axis.</summary>
    public int Width => Shape.Width;

    /// <summary>Number of rows of row-wise operations: all axes but the last.</summary>
    public int Rows => Shape.Rows;

    /// <summary>
    /// The same memory under another name and shape, beginning at element <paramref name="offset"/>. Disposing a view frees nothing.
    /// </summary>
    /// <exception cref="ArgumentException">The view does not lie inside this tensor.</exception>
    public Tensor View(string name, Shape shape, int offset = 0)
    {
        Require.That(offset >= 0 && (long)offset + shape.Count <= Count,
            $"A view {shape} at element {offset} does not fit into '{Name}' {Shape}.");
        return ViewCore(name, shape, offset);
    }

    /// <summary>Backend part of <see cref="View"/>; the range has been checked.</summary>
    protected abstract Tensor ViewCore(string name, Shape shape, int offset);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory, unless this is a view.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>For instance "vis.x [8, 226, 896] F32 on cpu".</summary>
    public override string ToString() => $"{Name} {Shape} {Type} on {Backend.Device.Id}";
}
