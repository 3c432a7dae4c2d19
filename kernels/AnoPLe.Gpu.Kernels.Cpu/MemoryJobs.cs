using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Copies a tensor over another.</summary>
internal sealed unsafe class CopyJob : ElementsJob
{
    public float* Target, Source;

    /// <inheritdoc/>
    protected override void Elements(nint start, nint count) =>
        NativeMemory.Copy(Source + start, Target + start, (nuint)count * sizeof(float));
}

/// <summary>Sets a tensor to zero.</summary>
internal sealed unsafe class ClearJob : ElementsJob
{
    public float* Target;

    /// <inheritdoc/>
    protected override void Elements(nint start, nint count) => NativeMemory.Clear(Target + start, (nuint)count * sizeof(float));
}
