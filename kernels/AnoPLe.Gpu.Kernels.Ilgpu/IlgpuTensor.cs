namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>A tensor in the memory of an ILGPU device: a buffer of its own, or a slice of another tensor's.</summary>
internal sealed class IlgpuTensor : Tensor
{
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
        Memory = parent.Memory.SubView(offset, shape.Count);
    }

    /// <summary>The elements; four bytes each, whatever the type.</summary>
    public View Memory { get; }

    /// <summary>Where the elements start in their buffer; buffers are aligned to at least 16 bytes.</summary>
    public int Offset { get; }

    /// <summary>Whether the memory is gone.</summary>
    public bool IsDisposed => disposed || parent is { IsDisposed: true };

    /// <inheritdoc/>
    protected override Tensor ViewCore(string name, Shape shape, int offset) => new IlgpuTensor(this, name, shape, offset);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed && buffer is not null)
            ((IlgpuBackend)Backend).Free(buffer);
        disposed = true;
    }
}
