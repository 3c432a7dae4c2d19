namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Copies a weight matrix into panels, one task per panel.</summary>
internal sealed unsafe class PackJob : Job
{
    private PackedPanels target = null!;
    private float* weight;
    private bool transposed;

    /// <summary>Takes the arguments of one call.</summary>
    public void Set(PackedPanels packed, float* source, Ops.WeightLayout layout)
    {
        target = packed;
        weight = source;
        transposed = layout == Ops.WeightLayout.OutIn;
        Tasks = packed.Count;
    }

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int nr = target.PanelColumns, first = task * nr, columns = Math.Min(nr, target.OutFeatures - first);
        float* panel = target.Panels + task * target.PanelSize;
        if (columns < nr)
            new Span<float>(panel, checked((int)target.PanelSize)).Clear();
        if (transposed)
            FromOutIn(panel, weight + (nint)first * target.InFeatures, columns);
        else
            FromInOut(panel, weight + first, columns);
    }

    private void FromInOut(float* panel, float* source, int columns)
    {
        int nr = target.PanelColumns;
        for (int k = 0; k < target.InFeatures; k++)
            new ReadOnlySpan<float>(source + (nint)k * target.OutFeatures, columns).CopyTo(new Span<float>(panel + (nint)k * nr, columns));
    }

    private void FromOutIn(float* panel, float* source, int columns)
    {
        const int Slice = 64; // terms of every source row before the next ones: both sides stay in cache
        int nr = target.PanelColumns, K = target.InFeatures;
        for (int k = 0; k < K; k += Slice)
            Transpose.Rows(source + k, K, columns, Math.Min(Slice, K - k), panel + (nint)k * nr, nr);
    }
}
