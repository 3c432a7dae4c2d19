namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>A tensor in the memory of an ILGPU device: a buffer of its own, or a slice of another tensor's.</summary>
internal sealed class IlgpuTensor : Tensor
{
    private const int HalfAlignment = 8; // 16 bytes, which kernels move at once

    private readonly IlgpuTensor? parent;
    private readonly MemoryBuffer1D<float, Stride1D.Dense>? buffer;
    private bool disposed;

    /// <summary>Owns the buffer.</summary>
    public IlgpuTensor(IlgpuBackend backend, string name, Shape shape, ElementType type, MemoryBuffer1D<float, Stride1D.Dense> buffer)
        : base(backend, name, shape, type)
    {
        this.buffer = buffer;
        Memory = buffer.View;
    }

    private IlgpuTensor(IlgpuTensor parent, string name, Shape shape, int offset)
        : base(parent.Backend, name, shape, parent.Type)
    {
        this.parent = parent;
        Offset = parent.Offset + offset;
        Memory = parent.Memory.SubView(Type == ElementType.Half ? offset / 2 : offset, Words(shape, Type));
    }

    /// <summary>The elements as words of four bytes; a word holds two of 16 bits.</summary>
    public View Memory { get; }

    /// <summary>Where the elements start in their buffer; buffers are aligned to at least 16 bytes.</summary>
    public int Offset { get; }

    /// <summary>Whether the memory is gone.</summary>
    public bool IsDisposed => disposed || parent is { IsDisposed: true };

    /// <summary>Words that so many elements take.</summary>
    public static int Words(Shape shape, ElementType type) => type == ElementType.Half ? (shape.Count + 1) / 2 : shape.Count;

    /// <inheritdoc/>
    protected override Tensor ViewCore(string name, Shape shape, int offset)
    {
        Require.That(Type != ElementType.Half || offset % HalfAlignment == 0, $"A view of '{Name}' begins at element {offset}; of 16-bit floats it begins at a multiple of {HalfAlignment}.");
        return new IlgpuTensor(this, name, shape, offset);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed && buffer is not null)
            ((IlgpuBackend)Backend).Free(buffer);
        disposed = true;
    }
}
