using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// The tasks of <see cref="Attention{V, O}"/>'s backward: one sequence and head each. A block of queries meets one panel of keys at a time:
/// the panel's scores S and the gradients dA of its weights are computed, turned into weights P and score gradients dS while in the
/// first-level cache, and added to dV^T += dO^T P and dK^T += Q^T dS. Transposed like this, P and dS are panels as the product left them;
/// dV and dK are turned back once, at the end. dS is also kept as rows of the block, for dQ = dS K after the last panel.
/// </summary>
/// <remarks>
/// The five products take 10 T^2 C operations a sequence. Scratch grows with T, not with its square. A head is never cut, because the
/// sums of dK and dV go over all queries: their order would depend on the number of threads.
/// </remarks>
internal sealed unsafe class AttentionBackwardJob<V, O>(Workspace workspace) : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    // Queries of a block: a multiple of every MR. More make the sums of dV and dK longer between two visits, and fill the cache.
    private const int Block = 96;

    // Added to the length of workspace rows, so that rows of 4 KiB do not all fall into the same cache sets.
    private const int Stagger = 16;

    private const int TransposedLd = Block + Stagger;

    public float* DQkv, DY, Qkv, Y, LogSumExp;
    public bool IsCausal;
    private int T, C, H, dh;
    private float scale;

    private static int NR => MicroKernels<V, O>.Columns;

    private static int MR => MicroKernels<V, O>.MaxRows;

    private int KeyPanels => (T + NR - 1) / NR;

    private int ChannelPanels => (dh + NR - 1) / NR;

    private nint RowLd => (dh + 15) / 16 * 16 + Stagger;

    private nint ScoresLd => (nint)KeyPanels * NR + Stagger;

    private nint OutputLd => (nint)ChannelPanels * NR + Stagger;

    /// <summary>Floats of one thread's scratch, cut as <see cref="Cut"/> says.</summary>
    public long WorkspaceSize => 4L * KeyPanels * NR * dh + (long)ChannelPanels * NR * T
        + 2L * dh * TransposedLd + Block * (2 * (long)RowLd + 2 * NR + ScoresLd + OutputLd);

    /// <summary>Takes the sizes of one call.</summary>
    public void SetSizes(int batch, int length, int width, int heads)
    {
        (T, C, H, dh) = (length, width, heads, width / heads);
        scale = (float)(1 / Math.Sqrt(dh));
        Tasks = batch * heads;
    }

    /// <summary>One task's scratch.</summary>
    private struct Scratch
    {
        /// <summary>k and v transposed, and the sums of their gradients likewise: [panel of keys][dh][NR].</summary>
        public float* Keys, Values, DKeys, DValues;

        /// <summary>k as it is: [panel of channels][T][NR].</summary>
        public float* KeyRows;

        /// <summary>The block's q and dy: rows of RowLd; and both transposed: dh rows of TransposedLd.</summary>
        public float* Queries, DOutputs, QueriesTransposed, DOutputsTransposed;

        /// <summary>One panel of weights and of score gradients: [Block][NR].</summary>
        public float* P, DS;

        /// <summary>The block's score gradients with all keys, rows of ScoresLd; and dq, rows of OutputLd.</summary>
        public float* DScores, DQueries;
    }

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int head = task % H, b = task / H;
        nint ld = 3 * (nint)C, first = b * T * ld + (nint)head * dh, output = (nint)b * T * C + (nint)head * dh;
        float* q = Qkv + first, dq = DQkv + first, lse = LogSumExp + (nint)task * T;
        var s = Cut(workspace.Of(worker));
        AttentionPanels<V, O>.PackTransposed(q + C, ld, T, dh, s.Keys);
        AttentionPanels<V, O>.PackTransposed(q + 2 * C, ld, T, dh, s.Values);
        AttentionPanels<V, O>.PackCopied(q + C, ld, T, dh, s.KeyRows, (nint)NR * T);
        for (int i = 0; i < T; i += Block)
        {
            int m = Math.Min(Block, T - i);
            QueryBlock(s, i, m, q + i * ld, DY + output + (nint)i * C, Y + output + (nint)i * C, lse + i);
            DQueries(s, i, m, dq + i * ld);
        }
        Unpack(s.DKeys, dq + C);
        Unpack(s.DValues, dq + 2 * C);
    }

    private Scratch Cut(float* next)
    {
        nint panels = (nint)KeyPanels * NR * dh;
        Scratch s;
        s.Keys = Take(panels);
        s.Values = Take(panels);
        s.DKeys = Take(panels);
        s.DValues = Take(panels);
        s.KeyRows = Take((nint)ChannelPanels * NR * T);
        s.Queries = Take(Block * RowLd);
        s.DOutputs = Take(Block * RowLd);
        s.QueriesTransposed = Take((nint)dh * TransposedLd);
        s.DOutputsTransposed = Take((nint)dh * TransposedLd);
        s.P = Take(Block * NR);
        s.DS = Take(Block * NR);
        s.DScores = Take(Block * ScoresLd);
        s.DQueries = next;
        return s;

        float* Take(nint count)
        {
            float* taken = next;
            next += count;
            return taken;
        }
    }

    /// <summary>Queries i .. i + m - 1 with all keys they see: dS of the block, and its part of dK and dV.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void QueryBlock(in Scratch s, int i, int m, float* q, float* dy, float* y, float* lse)
    {
        nint ld = 3 * (nint)C;
        float* delta = stackalloc float[Block];
        for (int r = 0; r < m; r++)
        {
            new ReadOnlySpan<float>(q + r * ld, dh).CopyTo(new Span<float>(s.Queries + r * RowLd, dh));
            new ReadOnlySpan<float>(dy + (nint)r * C, dh).CopyTo(new Span<float>(s.DOutputs + r * RowLd, dh));
            delta[r] = Dot(dy + (nint)r * C, y + (nint)r * C, dh);
        }
        Transpose.Rows(s.Queries, RowLd, m, dh, s.QueriesTransposed, TransposedLd);
        Transpose.Rows(s.DOutputs, RowLd, m, dh, s.DOutputsTransposed, TransposedLd);
        int keyEnd = IsCausal ? i + m : T;
        for (int column = 0; column < keyEnd; column += NR)
        {
            nint panel = (nint)column * dh;
            // Queries before this tile are before all keys of the panel.
            int top = IsCausal ? Math.Max(0, column - i) / MR * MR : 0;
            bool add = IsCausal ? column < i : i > 0; // whether an earlier block has been here
            for (int r = top; r < m; r += MR)
            {
                int rows = Math.Min(MR, m - r);
                AttentionPanels<V, O>.Multiply(rows, dh, s.Queries + r * RowLd, RowLd, s.Keys + panel, s.P + r * NR, NR, add: false);
                AttentionPanels<V, O>.Multiply(rows, dh, s.DOutputs + r * RowLd, RowLd, s.Values + panel, s.DS + r * NR, NR, add: false);
                float* scores = s.DScores + r * ScoresLd + column;
                Softmax(rows, s.P + r * NR, s.DS + r * NR, scores, ScoresLd, lse + r, delta + r, scale);
                if (IsCausal)
                    Mask(rows, i + r + 1 - column, s.P + r * NR, s.DS + r * NR, scores);
            }
            AttentionPanels<V, O>.Multiply(dh, m - top, s.DOutputsTransposed + top, TransposedLd, s.P + top * NR, s.DValues + panel, NR, add);
            AttentionPanels<V, O>.Multiply(dh, m - top, s.QueriesTransposed + top, TransposedLd, s.DS + top * NR, s.DKeys + panel, NR, add);
        }
    }

    /// <summary>P = exp(scale S - lse) in place of S; dS = scale P (dA - delta) in place of dA, and as rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax(int rows, float* p, float* ds, float* scores, nint ld, float* lse, float* delta, float scale)
    {
        V factor = O.Broadcast(scale);
        for (int r = 0; r < rows; r++, p += NR, ds += NR, scores += ld)
        {
            V shift = O.Broadcast(-lse[r]), d = O.Broadcast(delta[r]);
            V p0 = Elementwise<V, O>.ExpBelow88(O.MultiplyAdd(O.Load(p), factor, shift));
            V p1 = Elementwise<V, O>.ExpBelow88(O.MultiplyAdd(O.Load(p + O.N), factor, shift));
            V d0 = O.Multiply(O.Multiply(p0, factor), O.Subtract(O.Load(ds), d));
            V d1 = O.Multiply(O.Multiply(p1, factor), O.Subtract(O.Load(ds + O.N), d));
            O.Store(p0, p);
            O.Store(p1, p + O.N);
            O.Store(d0, ds);
            O.Store(d1, ds + O.N);
            O.Store(d0, scores);
            O.Store(d1, scores + O.N);
        }
    }

    /// <summary>Zero where a query does not see a key of the panel; the first row sees <paramref name="visible"/> of them, each next one more.</summary>
    private void Mask(int rows, int visible, float* p, float* ds, float* scores)
    {
        for (int r = 0; r < rows && visible < NR; r++, visible++, p += NR, ds += NR, scores += ScoresLd)
        {
            int first = Math.Max(0, visible), count = NR - first;
            new Span<float>(p + first, count).Clear();
            new Span<float>(ds + first, count).Clear();
            new Span<float>(scores + first, count).Clear();
        }
    }

    /// <summary>dq = dS K for the block.</summary>
    private void DQueries(in Scratch s, int i, int m, float* dq)
    {
        for (int panel = 0; panel < ChannelPanels; panel++)
            for (int r = 0; r < m; r += MR)
            {
                int rows = Math.Min(MR, m - r), keys = IsCausal ? i + r + rows : T;
                AttentionPanels<V, O>.Multiply(rows, keys, s.DScores + r * ScoresLd, ScoresLd, s.KeyRows + (nint)panel * T * NR,
                    s.DQueries + r * OutputLd + panel * NR, OutputLd, add: false);
            }
        for (int r = 0; r < m; r++)
            new ReadOnlySpan<float>(s.DQueries + r * OutputLd, dh).CopyTo(new Span<float>(dq + r * 3 * (nint)C, dh));
    }

    /// <summary>Panels of transposed gradients back to rows of dqkv.</summary>
    private void Unpack(float* panels, float* rows)
    {
        nint ld = 3 * (nint)C;
        for (int column = 0; column < T; column += NR)
            Transpose.Rows(panels + (nint)column * dh, NR, dh, Math.Min(NR, T - column), rows + column * ld, ld);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(float* a, float* b, int n)
    {
        V s0 = default, s1 = default;
        int i = 0;
        for (; i <= n - 2 * O.N; i += 2 * O.N)
        {
            s0 = O.MultiplyAdd(O.Load(a + i), O.Load(b + i), s0);
            s1 = O.MultiplyAdd(O.Load(a + i + O.N), O.Load(b + i + O.N), s1);
        }
        float sum = O.Sum(O.Add(s0, s1));
        for (; i < n; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
