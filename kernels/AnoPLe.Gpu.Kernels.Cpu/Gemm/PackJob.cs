using System.Runtime.CompilerServices;

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
    [SkipLocalsInit]
    public override void Run(int task, int worker)
    {
        const int Slice = 64; // terms of every source row before the next ones: both sides stay in cache
        int nr = target.PanelColumns, first = task * nr, columns = Math.Min(nr, target.OutFeatures - first), K = target.InFeatures;
        bool rounds = target.Precision == MatrixPrecision.Bf16;
        float* panel = target.Panels + task * target.PanelSize, slice = stackalloc float[rounds ? Slice * nr : 1];
        for (int k = 0; k < K; k += Slice, panel += (nint)Slice * target.RowSize)
        {
            int terms = Math.Min(Slice, K - k);
            float* rows = rounds ? slice : panel;
            if (columns < nr)
                new Span<float>(rows, terms * nr).Clear();
            if (transposed)
                Transpose.Rows(weight + (nint)first * K + k, K, columns, terms, rows, nr);
            else
                Copy(weight + (nint)k * target.OutFeatures + first, columns, terms, rows);
            if (rounds)
                Round(rows, terms, (uint*)panel);
        }
    }

    private void Copy(float* source, int columns, int terms, float* rows)
    {
        for (int k = 0; k < terms; k++)
            new ReadOnlySpan<float>(source + (nint)k * target.OutFeatures, columns).CopyTo(new Span<float>(rows + k * target.PanelColumns, columns));
    }

    private void Round(float* rows, int terms, uint* pairs)
    {
        int half = target.RowSize;
        for (int k = 0; k < terms; k++, rows += 2 * half, pairs += half)
            for (int i = 0; i < half; i++)
                pairs[i] = Bf16.Pair(rows[i], rows[half + i]);
    }
}
