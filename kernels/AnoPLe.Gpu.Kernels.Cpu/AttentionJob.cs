using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>The tasks of <see cref="Attention{V, O}"/>.</summary>
internal sealed unsafe class AttentionJob<V, O>(Workspace workspace) : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    // Added to the length of workspace rows, so that rows of 4 KiB do not all fall into the same cache sets.
    private const int Stagger = 16;

    public float* Y, Qkv, LogSumExp;
    public bool IsCausal;
    private int T, C, H, dh, parts, queriesPerPart, ahead;
    private float scale;

    private static int NR => MicroKernels<V, O>.Columns;

    private static int MR => MicroKernels<V, O>.MaxRows;

    private int KeyPanels => (T + NR - 1) / NR;

    private int ValuePanels => (dh + NR - 1) / NR;

    private nint ScoresLd => (nint)KeyPanels * NR + Stagger;

    private nint OutputLd => (nint)ValuePanels * NR + Stagger;

    private nint QueryLd => (dh + 15) / 16 * 16 + Stagger;

    /// <summary>Keys [panel][dh][NR], values [panel][T][NR], and a tile each of queries, scores and outputs.</summary>
    public long WorkspaceSize => (long)NR * ((long)KeyPanels * dh + (long)ValuePanels * T) + MR * (long)(QueryLd + ScoresLd + OutputLd);

    /// <summary>Cuts the work: a whole head per task, or parts of its queries when there are fewer than three heads a thread.</summary>
    public void SetSizes(int batch, int length, int width, int heads, int threads)
    {
        (T, C, H, dh, ahead) = (length, width, heads, width / heads, threads);
        scale = (float)(1 / Math.Sqrt(dh));
        int wanted = threads == 1 ? 1 : (3 * threads + batch * heads - 1) / (batch * heads);
        int tiles = (T + MR - 1) / MR;
        // Every part packs all keys and values again, so it has at least four tiles of queries to spread that over.
        parts = Math.Max(1, Math.Min(wanted, tiles / 4));
        queriesPerPart = (tiles + parts - 1) / parts * MR;
        parts = (T + queriesPerPart - 1) / queriesPerPart;
        Tasks = batch * heads * parts;
    }

    /// <summary>Keys of a last panel that is at most half full, which takes vectors half as wide. No causal query sees all panels, so there it is not worth it.</summary>
    private int Tail(int keys) => !IsCausal && NarrowPanel<O>.Exists && keys % NR <= NR / 2 ? keys % NR : 0;

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int part = task % parts, head = task / parts % H, b = task / parts / H;
        int first = part * queriesPerPart, end = Math.Min(T, first + queriesPerPart), keys = IsCausal ? end : T;
        nint ld = 3 * (nint)C;
        float* q = Qkv + b * T * ld + (nint)head * dh, k = q + C, v = k + C;
        float* packedKeys = workspace.Of(worker), packedValues = packedKeys + (nint)KeyPanels * NR * dh;
        float* tile = packedValues + (nint)ValuePanels * NR * T;
        int tail = Tail(keys), wide = keys - tail;
        AttentionPanels<V, O>.PackTransposed(k, ld, wide, dh, packedKeys);
        if (tail > 0)
            NarrowPanel<O>.Pack(k + wide * ld, ld, tail, dh, packedKeys + (nint)wide * dh);
        AttentionPanels<V, O>.PackCopied(v, ld, keys, dh, packedValues, (nint)NR * T);
        for (int i = first; i < end; i += MR)
        {
            float* y = Y + ((nint)b * T + i) * C + (nint)head * dh;
            float* lse = LogSumExp == null ? null : LogSumExp + ((nint)b * H + head) * T + i;
            float* next = head + ahead < H ? q + i * ld + ahead * dh : null;
            QueryTile(i, Math.Min(MR, end - i), q + i * ld, ld, packedKeys, packedValues, tile, y, lse, next);
        }
    }

    /// <summary>
    /// Brings a row of the head nearer that the same thread probably takes next: its rows lie far apart, and the product before has left them
    /// beyond the second-level cache. Worth a sixth of the forward at the sizes of ViT-B/16+.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void FetchHead(float* row)
    {
        for (int column = 0; column < dh; column += 16)
        {
            Prefetch.Near(row + column);
            Prefetch.Near(row + C + column);
            Prefetch.Near(row + 2 * C + column);
        }
    }

    /// <summary>Rows i .. i + m - 1 of the output; beside that, the same rows of the next head come nearer.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void QueryTile(int i, int m, float* q, nint ld, float* keys, float* values, float* tile, float* y, float* lse, float* next)
    {
        int keyEnd = IsCausal ? i + m : T; // no query of the tile sees keys from here on
        float* queries = tile, scores = queries + MR * QueryLd, output = scores + MR * ScoresLd;
        for (int r = 0; r < m; r++)
            new ReadOnlySpan<float>(q + r * ld, dh).CopyTo(new Span<float>(queries + r * QueryLd, dh));
        int wide = keyEnd - Tail(keyEnd), fetched = 0;
        for (int column = 0; column < keyEnd; column += NR)
        {
            if (next != null) // a few rows per panel: all at once would wait for each other
                for (int until = Math.Min(m, (m * (column + NR) + keyEnd - 1) / keyEnd); fetched < until; fetched++)
                    FetchHead(next + fetched * ld);
            if (column < wide)
                AttentionPanels<V, O>.Multiply(m, dh, queries, QueryLd, keys + (nint)column * dh, scores + column, ScoresLd, add: false);
            else
                NarrowPanel<O>.Multiply(m, dh, queries, QueryLd, keys + (nint)column * dh, scores + column, ScoresLd);
        }
        float* sums = stackalloc float[MR];
        Exponentiate(i, m, keyEnd, scores, sums, lse);
        for (int r = 0; r < m; r++)
            for (int column = 0; column < dh; column += 16)
                Prefetch.Near(y + (nint)r * C + column);
        for (int panel = 0; panel < ValuePanels; panel++)
            AttentionPanels<V, O>.Multiply(m, keyEnd, scores, ScoresLd, values + (nint)panel * T * NR, output + panel * NR, OutputLd, add: false);
        for (int r = 0; r < m; r++)
            Scale(output + r * OutputLd, 1 / sums[r], y + (nint)r * C, dh);
    }

    /// <summary>Scores to unnormalised weights, their sums and the logarithms of the sums of exponentials; zeros where a query must not look.</summary>
    [SkipLocalsInit]
    private void Exponentiate(int i, int m, int keyEnd, float* scores, float* sums, float* lse)
    {
        float* maxima = stackalloc float[MR];
        if (!IsCausal)
            Softmax<V, O>.Exponentiate(scores, ScoresLd, m, T, scale, sums, maxima);
        for (int r = 0; r < m; r++)
        {
            if (IsCausal)
            {
                float* row = scores + r * ScoresLd;
                Softmax<V, O>.Exponentiate(row, ScoresLd, 1, i + r + 1, scale, sums + r, maxima + r);
                new Span<float>(row + i + r + 1, m - r - 1).Clear();
            }
            if (lse != null)
                lse[r] = MathF.Log(sums[r]) + maxima[r] * scale;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* x, float factor, float* y, int n)
    {
        V f = O.Broadcast(factor);
        int i = 0;
        for (; i <= n - O.N; i += O.N)
            O.Store(O.Multiply(O.Load(x + i), f), y + i);
        for (; i < n; i++)
            y[i] = x[i] * factor;
    }
}
