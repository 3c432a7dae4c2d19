namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A tensor in native memory of this process, or a view into one.</summary>
internal sealed unsafe class CpuTensor : Tensor
{
    private readonly AlignedMemory memory;
    private readonly int start;
    private readonly bool isView;

    /// <summary>Takes memory.</summary>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    public CpuTensor(CpuBackend backend, string name, Shape shape, ElementType type)
        : base(backend, name, shape, type) => memory = new AlignedMemory(name, shape.Count);

    private CpuTensor(CpuTensor owner, string name, Shape shape, int start)
        : base(owner.Backend, name, shape, owner.Type)
    {
        memory = owner.memory;
        this.start = start;
        isView = true;
    }

    /// <summary>The first element.</summary>
    /// <exception cref="ObjectDisposedException">The memory was freed.</exception>
    public float* Pointer => memory.Pointer + start;

    /// <inheritdoc/>
    protected override Tensor ViewCore(string name, Shape shape, int offset) => new CpuTensor(this, name, shape, start + offset);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !isView)
            memory.Dispose();
    }
}
