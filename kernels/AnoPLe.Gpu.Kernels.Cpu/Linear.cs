using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Matrix product with packed weights; bias, activation and residual join while a tile is in cache.</summary>
internal sealed unsafe class Linear<V, O>(CpuBackend backend) : Ops.Linear(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly GemmJob<V, O> forward = new(backend.Workspace);
    private readonly PackJob pack = new();
    private readonly ColumnGemmJob<V, O> parameters = new(backend.Workspace);
    private readonly ColumnSumsJob<V, O> columnSums = new();
    private readonly ColumnSums<V, O>.TotalJob columnTotals = new();
    private readonly PartialSumsJob<V, O> partialSums = new();
    private readonly Workspace partial = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override Ops.PackedLinear PackCore(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures,
        int inFeatures, Ops.WeightLayout layout, MatrixPrecision precision)
    {
        var packed = new PackedPanels(backend, name, outFeatures, inFeatures, !bias.IsEmpty, Gemm<V, O>.PanelColumns, precision);
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
            IsRounded = panels.Precision == MatrixPrecision.Bf16,
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
    protected override void RepackCore(Ops.PackedLinear target, Tensor weight, Tensor? bias, Ops.WeightLayout layout)
    {
        var panels = target.Panels();
        if (bias is not null) // what fills up the last panel stays zero
            new ReadOnlySpan<float>(bias.Floats(), bias.Count).CopyTo(new Span<float>(panels.Bias, bias.Count));
        pack.Set(panels, weight.Floats(), layout);
        backend.Run(pack, target, weight, bias);
    }

    /// <inheritdoc/>
    protected override void BackwardParametersCore(Tensor c, Tensor a, Tensor b)
    {
        parameters.Set(a.Floats(), b.Floats(), a.Rows, a.Width, b.Width, backend.Threads);
        if (parameters.Parts > 1)
            partial.Reserve(parameters.Parts * parameters.PartStride);
        parameters.Target = parameters.Parts > 1 ? partial.Of(0) : c.Floats();
        backend.Run(parameters, c, a, b);
        if (parameters.Parts == 1)
            return;
        partialSums.Set(c.Floats(), c.Count, partial.Of(0), parameters.Parts, parameters.PartStride, backend.Threads);
        backend.Run(partialSums, c);
    }

    /// <inheritdoc/>
    protected override void BackwardBiasCore(Tensor dbias, Tensor dy)
    {
        columnSums.Set(dy.Floats(), dy.Rows, dy.Width);
        partial.Reserve((long)columnSums.Tasks * ColumnSums<V, O>.Stride(dy.Width));
        columnSums.Sums = partial.Of(0);
        backend.Run(columnSums, dy);
        columnTotals.Set(dbias.Floats(), partial.Of(0), rows: 1, dy.Width, columnSums.Tasks, backend.Threads);
        backend.Run(columnTotals, dbias);
    }
}
