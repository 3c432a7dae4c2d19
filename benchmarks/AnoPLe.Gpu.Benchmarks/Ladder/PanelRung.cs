using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>All rows of C under one panel of B, some terms of the sums.</summary>
internal unsafe struct PanelWork
{
    /// <summary>Rows of K floats, lda apart; already moved to the first term.</summary>
    public float* A;

    public nint Lda;

    /// <summary>Depth rows of one panel, next to each other.</summary>
    public float* B;

    /// <summary>Rows of a whole panel's columns, ldc apart.</summary>
    public float* C;

    public nint Ldc;

    /// <summary>The panel's part of the bias.</summary>
    public float* Bias;

    public int Rows, Depth;

    /// <summary>C holds nothing yet: = instead of +=.</summary>
    public bool IsFirst;

    /// <summary>These terms complete the sums.</summary>
    public bool IsLast;
}

/// <summary>
/// What rungs 3 to 6 share. B is packed: cut into panels of two vectors' columns, each panel [K][columns] in the order in which it is read.
/// A panel is used by all rows before the next one comes; sums are cut after 896 terms, so that a panel's slice stays in the second-level
/// cache. When N is no multiple of the panel, the last one is filled up with zeros and computed aside.
/// </summary>
internal abstract unsafe class PanelRung<V, O> : IRung
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int DepthBlock = 896;

    private readonly LadderProblem p;
    private readonly AlignedMemory panels, edge;

    protected PanelRung(LadderProblem problem)
    {
        p = problem;
        Panels = (p.N + Columns - 1) / Columns;
        panels = new AlignedMemory("panels", (long)Panels * p.K * Columns);
        edge = new AlignedMemory("edge", (long)p.M * Columns);
        for (nint panel = 0; panel < Panels; panel++)
            Pack(panels.Pointer + panel * p.K * Columns, (int)panel * Columns);
    }

    /// <summary>Columns of a panel.</summary>
    protected static int Columns => 2 * O.N;

    /// <summary>Number of panels.</summary>
    protected int Panels { get; }

    public void Run()
    {
        for (int k = 0; k < p.K; k += DepthBlock)
            AllPanels(k);
        CopyEdge();
        AfterProduct(p);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        panels.Dispose();
        edge.Dispose();
    }

    /// <summary>The rung's idea: the rows of one panel.</summary>
    protected abstract void Rows(in PanelWork work);

    /// <summary>Bias and activation, unless <see cref="Rows"/> has done them.</summary>
    protected virtual void AfterProduct(LadderProblem problem) => Epilogue.OverAll(problem);

    /// <summary>One panel after the other; rungs with threads do it otherwise.</summary>
    protected virtual void AllPanels(int firstTerm)
    {
        for (int panel = 0; panel < Panels; panel++)
            Panel(panel, firstTerm);
    }

    /// <summary>One panel.</summary>
    protected void Panel(int panel, int firstTerm)
    {
        int depth = Math.Min(DepthBlock, p.K - firstTerm);
        bool isWhole = (panel + 1) * Columns <= p.N;
        Rows(new PanelWork
        {
            A = p.A + firstTerm,
            Lda = p.K,
            B = panels.Pointer + ((nint)panel * p.K + firstTerm) * Columns,
            C = isWhole ? p.C + (nint)panel * Columns : edge.Pointer,
            Ldc = isWhole ? p.N : Columns,
            Bias = p.Bias + (nint)panel * Columns,
            Rows = p.M,
            Depth = depth,
            IsFirst = firstTerm == 0,
            IsLast = firstTerm + depth == p.K,
        });
    }

    private void Pack(float* panel, int firstColumn)
    {
        for (int j = 0; j < Columns; j++)
            for (nint k = 0; k < p.K; k++)
                panel[k * Columns + j] = firstColumn + j < p.N ? p.W[(nint)(firstColumn + j) * p.K + k] : 0f;
    }

    private void CopyEdge()
    {
        int columns = p.N % Columns;
        for (nint i = 0; i < p.M && columns > 0; i++)
            new ReadOnlySpan<float>(edge.Pointer + i * Columns, columns).CopyTo(new Span<float>(p.C + (i + 1) * p.N - columns, columns));
    }
}
