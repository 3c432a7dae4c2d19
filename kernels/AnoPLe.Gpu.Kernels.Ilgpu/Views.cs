namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>The one place where a tensor becomes device memory. ILGPU accepts a foreign device's buffer silently, so it is checked here.</summary>
internal static class Views
{
    /// <summary>The tensor as floats.</summary>
    public static View View(this Tensor tensor, IlgpuBackend backend) => Of(tensor, backend).Memory;

    /// <summary>The tensor as integers.</summary>
    public static ArrayView<int> Indices(this Tensor tensor, IlgpuBackend backend) => Of(tensor, backend).Memory.Cast<int>();

    /// <summary>The tensor as pairs of 16-bit floats, or an empty view when it holds floats.</summary>
    public static ArrayView<uint> Pairs(this Tensor tensor, IlgpuBackend backend) => tensor.Type == ElementType.Half ? Of(tensor, backend).Memory.Cast<uint>() : default;

    /// <summary>The tensor, or an empty view when there is none.</summary>
    public static View ViewOrEmpty(this Tensor? tensor, IlgpuBackend backend) => tensor is null ? default : Of(tensor, backend).Memory;

    /// <summary>
    /// The tensor in units of four floats, and whether its rows may be moved that way: they start at multiples of 16 bytes.
    /// When not, the returned view must not be read.
    /// </summary>
    public static ArrayView<F4> Quads(this Tensor tensor, IlgpuBackend backend, int rowLength, out bool aligned)
    {
        var memory = Of(tensor, backend);
        aligned = rowLength % 4 == 0 && memory.Offset % 4 == 0;
        return memory.Memory.Cast<F4>();
    }

    /// <summary>The tensor as this backend's own class.</summary>
    public static IlgpuTensor Of(Tensor tensor, IlgpuBackend backend)
    {
        if (tensor is IlgpuTensor own && ReferenceEquals(own.Backend, backend))
            return own.IsDisposed ? throw new ObjectDisposedException(tensor.Name, $"'{tensor.Name}' was disposed; its device memory is gone.") : own;
        throw new ArgumentException(
            $"'{tensor.Name}' {tensor.Shape} lives on {tensor.Backend.Device.Id}, not on this {backend.Device.Id}. Upload it to this backend first.");
    }

    /// <summary>The packed weights as this backend's own class.</summary>
    public static PackedWeights Of(Ops.PackedLinear weight, IlgpuBackend backend)
    {
        if (weight is PackedWeights own && ReferenceEquals(own.Backend, backend))
            return own.IsDisposed ? throw new ObjectDisposedException(weight.Name, $"'{weight.Name}' was disposed; its device memory is gone.") : own;
        throw new ArgumentException(
            $"'{weight.Name}' was packed for {weight.Backend.Device.Id}, not for this {backend.Device.Id}. Pack it with this backend's Linear.");
    }
}
