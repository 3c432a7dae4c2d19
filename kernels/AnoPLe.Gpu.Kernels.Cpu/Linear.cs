using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Matrix product with packed weights; bias, activation and residual join while a tile is in cache.</summary>
internal sealed unsafe class Linear<V, O>(CpuBackend backend) : Ops.Linear(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly GemmJob<V, O> forward = new(backend.Workspace);
    private readonly PackJob pack = new();

    /// <inheritdoc/>
    protected override Ops.PackedLinear PackCore(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures,
        int inFeatures, Ops.WeightLayout layout)
    {
        var packed = new PackedPanels(backend, name, outFeatures, inFeatures, !bias.IsEmpty, Gemm<V, O>.PanelColumns);
        if (!bias.IsEmpty)
        {
            var padded = new Span<float>(packed.Bias, packed.Count * packed.PanelColumns);
            padded.Clear();
            bias.CopyTo(padded);
        }
        fixed (float* source = weight)
        {
            pack.Set(packed, source, layout);
            backend.Run(pack, packed);
        }
        return packed;
    }

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Ops.PackedLinear weight, Ops.Activation activation, bool accumulate)
    {
        var panels = weight.Panels();
        forward.Set(new Product
        {
            A = x.Floats(),
            Lda = x.Width,
            B = panels.Panels,
            C = y.Floats(),
            Ldc = y.Width,
            Bias = panels.Bias,
            K = x.Width,
            N = y.Width,
            Accumulate = accumulate,
            Activation = activation,
        }, x.Rows, backend.Threads);
        backend.Run(forward, y, x, weight);
    }

    /// <inheritdoc/>
    protected override void RepackCore(Ops.PackedLinear target, Tensor weight, Tensor? bias, Ops.WeightLayout layout) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardParametersCore(Tensor c, Tensor a, Tensor b) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardBiasCore(Tensor dbias, Tensor dy) => throw new NotSupportedException("not there yet");
}
