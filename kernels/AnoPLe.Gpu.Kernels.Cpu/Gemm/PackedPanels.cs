namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// A weight matrix as the micro-kernels read it: panels of <see cref="PanelColumns"/> outputs, each panel [in][PanelColumns], the last
/// one filled up with zeros; and the bias, filled up likewise. In bf16 a row of a panel is one vector of pairs: lane i holds columns i (lower half) and
/// i + N (upper half), so that one load and two operations give both vectors of floats.
/// </summary>
internal sealed unsafe class PackedPanels : Ops.PackedLinear
{
    private readonly AlignedMemory panels;
    private readonly AlignedMemory? bias;

    /// <summary>Takes memory; the content is undefined.</summary>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    public PackedPanels(CpuBackend backend, string name, int outFeatures, int inFeatures, bool hasBias, int panelColumns, MatrixPrecision precision)
        : base(backend, name, outFeatures, inFeatures, hasBias, precision)
    {
        PanelColumns = panelColumns;
        Count = (outFeatures + panelColumns - 1) / panelColumns;
        panels = new AlignedMemory(name, (long)Count * PanelSize);
        bias = hasBias ? new AlignedMemory(name + " bias", (long)Count * panelColumns) : null;
    }

    /// <summary>Outputs in one panel: two vectors.</summary>
    public int PanelColumns { get; }

    /// <summary>Number of panels.</summary>
    public int Count { get; }

    /// <summary>Floats, or pairs of bf16, in a row of a panel.</summary>
    public int RowSize => Precision == MatrixPrecision.Bf16 ? PanelColumns / 2 : PanelColumns;

    /// <summary>Floats, or pairs of bf16, in one panel.</summary>
    public nint PanelSize => (nint)InFeatures * RowSize;

    /// <summary>The first panel.</summary>
    public float* Panels => panels.Pointer;

    /// <summary>The bias, or null.</summary>
    public float* Bias => bias is null ? null : bias.Pointer;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        panels.Dispose();
        bias?.Dispose();
    }
}
