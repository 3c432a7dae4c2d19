namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>The one place where what the contracts hand over becomes what kernels compute on.</summary>
internal static unsafe class Views
{
    /// <summary>The first of the tensor's floats; at least <see cref="AlignedMemory.Slack"/> more than its own may be read, none written.</summary>
    /// <exception cref="ArgumentException">The tensor lives on another kind of backend.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public static float* Floats(this Tensor tensor) => Cpu(tensor).Pointer;

    /// <summary>The floats, or null without a tensor.</summary>
    public static float* FloatsOrNull(this Tensor? tensor) => tensor is null ? null : tensor.Floats();

    /// <summary>The tensor's indices, checked to lie in [0, end).</summary>
    /// <exception cref="ArgumentException">The tensor lives on another kind of backend, or an index lies outside.</exception>
    public static int* Indices(this Tensor tensor, int end)
    {
        int* indices = (int*)Cpu(tensor).Pointer;
        for (int i = 0; i < tensor.Count; i++)
            Require.That((uint)indices[i] < (uint)end, $"Index {i} of '{tensor.Name}' is {indices[i]}, expected 0 to {end - 1}.");
        return indices;
    }

    /// <summary>The packed weights.</summary>
    /// <exception cref="ArgumentException">They were packed for another kind of backend.</exception>
    public static PackedPanels Panels(this Ops.PackedLinear weight) => weight as PackedPanels
        ?? throw new ArgumentException($"'{weight.Name}' was packed for {weight.Backend.Device.Id}, not for the CPU backend. Pack it there.");

    /// <summary>The bytes of a tensor.</summary>
    public static Span<byte> Bytes(this Tensor tensor) => new(Cpu(tensor).Pointer, checked(tensor.Count * sizeof(float)));

    private static CpuTensor Cpu(Tensor tensor) => tensor as CpuTensor
        ?? throw new ArgumentException($"'{tensor.Name}' lives on {tensor.Backend.Device.Id}, not on the CPU backend. Upload it there.");
}
