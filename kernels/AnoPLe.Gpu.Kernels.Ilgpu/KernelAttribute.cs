namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Marks a kernel, once for every instantiation of a generic one. The loader refuses a kernel that is not marked, so a walk over the
/// attribute (the PTX tests) cannot miss one.
/// </summary>
/// <param name="typeArguments">Type arguments of this instantiation; none for a kernel that is not generic.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class KernelAttribute(params Type[] typeArguments) : Attribute
{
    /// <summary>Type arguments of this instantiation.</summary>
    public Type[] TypeArguments { get; } = typeArguments;

    /// <summary>Whether most of the time goes here: such a kernel must keep everything in registers and shared memory.</summary>
    public bool Hot { get; init; }

    /// <summary>Whether it computes on tensor cores: it then runs on CUDA devices that have them and on the simulator.</summary>
    public bool Tensor { get; init; }
}
