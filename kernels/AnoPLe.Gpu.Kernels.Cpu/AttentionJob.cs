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

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int part = task % parts, head = task / parts % H, b = task / parts / H;
        int first = part * queriesPerPart, end = Math.Min(T, first + queriesPerPart), keys = IsCausal ? end : T;
        nint ld = 3 * (nint)C;
        float* q = Qkv + b * T * ld + (nint)head * dh, k = q + C, v = k + C;
        float* packedKeys = workspace.Of(worker), packedValues = packedKeys + (nint)KeyPanels * NR * dh;
        float* tile = packedValues + (nint)ValuePanels * NR * T;
        AttentionPanels<V, O>.PackTransposed(k, ld, keys, dh, packedKeys);
        AttentionPanels<V, O>.PackCopied(v, ld, keys, dh, packedValues, (nint)NR * T);
        for (int i = first; i < end; i += MR)
        {
            if (head + ahead < H)
                for (int r = i; r < Math.Min(end, i + MR); r++)
                    FetchHead(q + r * ld + ahead * dh);
            float* y = Y + ((nint)b * T + i) * C + (nint)head * dh;
            float* lse = LogSumExp == null ? null : LogSumExp + ((nint)b * H + head) * T + i;
            QueryTile(i, Math.Min(MR, end - i), q + i * ld, ld, packedKeys, packedValues, tile, y, lse);
        }
    }

    /// <summary>
    /// Brings a row of the head nearer that the same thread probably takes next: its rows lie far apart, and the product before has left them
    /// beyond the second-level cache. Worth 7% of the forward at the sizes of ViT-B/16+.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void FetchHead(float* row)
    {
        for (int column = 0; column < dh; column += 16)
        {
            Prefetch.Far(row + column);
            Prefetch.Far(row + C + column);
            Prefetch.Far(row + 2 * C + column);
        }
    }

    /// <summary>Rows i .. i + m - 1 of the output.</summary>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void QueryTile(int i, int m, float* q, nint ld, float* keys, float* values, float* tile, float* y, float* lse)
    {
        int keyEnd = IsCausal ? i + m : T; // no query of the tile sees keys from here on
        float* queries = tile, scores = queries + MR * QueryLd, output = scores + MR * ScoresLd;
        float* inverse = stackalloc float[MR];
        for (int r = 0; r < m; r++)
            new ReadOnlySpan<float>(q + r * ld, dh).CopyTo(new Span<float>(queries + r * QueryLd, dh));
        for (int column = 0; column < keyEnd; column += NR)
            AttentionPanels<V, O>.Multiply(m, dh, queries, QueryLd, keys + (nint)column * dh, scores + column, ScoresLd, add: false);
        for (int r = 0; r < m; r++)
        {
            float* row = scores + r * ScoresLd;
            int visible = IsCausal ? i + r + 1 : T;
            float sum = Exponentiate(row, visible, scale, out float max);
            new Span<float>(row + visible, keyEnd - visible).Clear();
            inverse[r] = 1 / sum;
            if (lse != null)
                lse[r] = MathF.Log(sum) + max * scale;
        }
        for (int panel = 0; panel < ValuePanels; panel++)
            AttentionPanels<V, O>.Multiply(m, keyEnd, scores, ScoresLd, values + (nint)panel * T * NR, output + panel * NR, OutputLd, add: false);
        for (int r = 0; r < m; r++)
            Scale(output + r * OutputLd, inverse[r], y + (nint)r * C, dh);
    }

    /// <summary>s = exp(scale (s - max s)) over n scores; returns their sum. Lanes up to a whole vector are overwritten.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentiate(float* s, int n, float scale, out float max)
    {
        // The lanes that fill up the last vector become e^-87: nothing, next to a sum of at least 1.
        for (int i = n; i % O.N != 0; i++)
            s[i] = float.NegativeInfinity;
        V largest = O.Load(s);
        for (int i = O.N; i < n; i += O.N)
            largest = O.Max(largest, O.Load(s + i));
        max = O.MaxAcross(largest);
        V factor = O.Broadcast(scale), shift = O.Broadcast(-max * scale), sum = default;
        for (int i = 0; i < n; i += O.N)
        {
            V e = Elementwise<V, O>.ExpBelow88(O.MultiplyAdd(O.Load(s + i), factor, shift));
            O.Store(e, s + i);
            sum = O.Add(sum, e);
        }
        return O.Sum(sum);
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
