using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of an attention.</summary>
internal struct AttentionShape
{
    /// <summary>Tokens, width, heads, width of a head.</summary>
    public int T, C, H, D;

    /// <summary>Tiles of queries of one sequence.</summary>
    public int QueryTiles;

    /// <summary>1 for the causal mask; 1 when logSumExp is saved; 1 when qkv and y may be moved in units of four floats.</summary>
    public int Causal, Save, Vector;

    /// <summary>1 / sqrt(D).</summary>
    public float Scale;
}

/// <summary>The widest head a kernel has room for, a multiple of 32 and a constant to the kernel compiler.</summary>
internal interface IHeadWidth
{
    static abstract int Chunks { get; }
}

internal struct Head32 : IHeadWidth
{
    public static int Chunks => 1;
}

internal struct Head64 : IHeadWidth
{
    public static int Chunks => 2;
}

internal struct Head128 : IHeadWidth
{
    public static int Chunks => 4;
}

/// <summary>Running results of the four queries of one thread.</summary>
internal struct AttentionState
{
    /// <summary>Unnormalised outputs: row i is query ty + 8i, block c its columns 32c + 4tx to 32c + 4tx + 3.</summary>
    public Block4 O0, O1, O2, O3;

    /// <summary>Largest score of each query so far, the same in all threads of a row.</summary>
    public F4 Max;

    /// <summary>Sum of exp(score - Max) over the keys this thread has seen.</summary>
    public F4 Sum;
}

/// <summary>
/// Fused attention with online softmax: a group of 8 x 8 threads takes 32 queries of one head and walks over tiles of 32 keys. A thread
/// computes the scores of 4 queries with 4 keys, then adds 4 queries' share of 4, 8 or 16 output columns; queries ty + 8i and keys
/// tx + 8j, so that 16-byte loads from shared memory meet every bank once. Keys and values take turns in one tile. No warp operation:
/// rows are reduced through shared memory, so the same source runs on every device.
/// </summary>
internal sealed class Attention(IlgpuBackend backend) : Ops.Attention(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View qkv, ArrayView<F4> qkv4, View y, ArrayView<F4> y4, View logSumExp, AttentionShape shape);

    /// <summary>Queries, and keys, of a tile.</summary>
    private const int Tile = 32;

    private const int Threads = 8;

    /// <summary>Row length of the probabilities in units of four floats; one more than needed, against bank conflicts.</summary>
    private const int ProbabilityStride = Tile / 4 + 1;

    private Launch? head32, head64, head128;

    protected override void ForwardCore(Tensor y, Tensor qkv, int heads, bool causal, Tensor? logSumExp)
    {
        int B = qkv.Shape[0], T = qkv.Shape[1], C = qkv.Width / 3, D = C / heads;
        Require.That(D <= 128, $"Heads of {D} channels are wider than this backend's 128. Use more heads, or the cpu backend.");
        var qkv4 = qkv.Quads(backend, D, out bool vectorIn);
        var y4 = y.Quads(backend, D, out bool vectorOut);
        AttentionShape shape = new()
        {
            T = T, C = C, H = heads, D = D, QueryTiles = (T + Tile - 1) / Tile, Causal = causal ? 1 : 0, Save = logSumExp is null ? 0 : 1,
            Vector = vectorIn && vectorOut ? 1 : 0, Scale = 1f / MathF.Sqrt(D),
        };
        // Without logSumExp the kernel still needs a view to pass on; it does not write to it.
        Launcher(D)(backend.Stream, new KernelConfig(new Index2D(shape.QueryTiles * heads * B, 1), new Index2D(Threads, Threads)),
            qkv.View(backend), qkv4, y.View(backend), y4, (logSumExp ?? y).View(backend), shape);
    }

    protected override void BackwardInputCore(Tensor dqkv, Tensor dy, Tensor qkv, Tensor y, Tensor logSumExp, int heads, bool causal) => throw new NotSupportedException("not there yet");

    private Launch Launcher(int D) => D switch
    {
        <= 32 => head32 ??= backend.Load<Launch>(nameof(Attention), ForwardKernel<Head32>),
        <= 64 => head64 ??= backend.Load<Launch>(nameof(Attention), ForwardKernel<Head64>),
        _ => head128 ??= backend.Load<Launch>(nameof(Attention), ForwardKernel<Head128>),
    };

    // One group per tile of queries of every head of every sequence.
    [Kernel(typeof(Head32), Hot = true)]
    [Kernel(typeof(Head64), Hot = true)]
    [Kernel(typeof(Head128), Hot = true)]
    private static void ForwardKernel<THead>(View qkv, ArrayView<F4> qkv4, View y, ArrayView<F4> y4, View logSumExp, AttentionShape shape)
        where THead : struct, IHeadWidth
    {
        // Rows of 32*Chunks + 4 floats: the extra four shift neighbouring rows by one 16-byte bank group. One allocation, because the
        // simulator makes the whole group wait for each.
        int stride = 8 * THead.Chunks + 1, quads = (shape.D + 3) / 4;
        var queries = SharedMemory.Allocate<F4>(Tile * (2 * (8 * THead.Chunks + 1) + ProbabilityStride + Threads / 4));
        var keys = queries.SubView(Tile * stride);
        var probabilities = queries.SubView(2 * Tile * stride);
        var rows = queries.SubView(Tile * (2 * stride + ProbabilityStride));

        int head = Grid.IdxX / shape.QueryTiles, query0 = (Grid.IdxX - head * shape.QueryTiles) * Tile;
        int b = head / shape.H, h = head - b * shape.H, start = b * shape.T * 3 * shape.C + h * shape.D;      // q of token 0
        int tiles = shape.Causal != 0 ? query0 / Tile + 1 : shape.QueryTiles;

        LoadTile(queries, stride, qkv, qkv4, shape, start, query0, quads, shape.Scale);
        AttentionState state = default;
        state.Max = F4.Of(float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity);
        for (int tile = 0; tile < tiles; tile++)
        {
            int key0 = tile * Tile;
            LoadTile(keys, stride, qkv, qkv4, shape, start + shape.C, key0, quads, 1f);
            Local.Barrier();
            var s = Mask(Scores(queries, keys, stride, quads), shape, query0, key0);
            F4 max = RowMax(rows, s, state.Max);
            // RowMax ended the reading of the keys in every thread: the values may take their place.
            LoadTile(keys, stride, qkv, qkv4, shape, start + 2 * shape.C, key0, quads, 1f);
            F4 factor = F4.Of(XMath.Exp(state.Max.X - max.X), XMath.Exp(state.Max.Y - max.Y), XMath.Exp(state.Max.Z - max.Z),
                XMath.Exp(state.Max.W - max.W));
            s = Exponentials(s, max);
            StoreProbabilities(probabilities.Cast<float>(), s);
            state.Sum = F4.Of(state.Sum.X * factor.X + RowSum(s.R0), state.Sum.Y * factor.Y + RowSum(s.R1),
                state.Sum.Z * factor.Z + RowSum(s.R2), state.Sum.W * factor.W + RowSum(s.R3));
            state.Max = max;
            Local.Barrier();
            state = AddValues<THead>(state, factor, probabilities, keys, stride);
            Local.Barrier();
        }
        Finish<THead>(y, y4, logSumExp, rows, shape, state, b, h, query0, quads);
    }

    /// <summary>32 tokens of q, k or v to shared memory, zero beyond the sequence and beyond the head. Eight threads read a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadTile(ArrayView<F4> tile, int stride, View qkv, ArrayView<F4> qkv4, AttentionShape shape, int start, int token0, int quads,
        float scale)
    {
        for (int row = Group.IdxY; row < Tile; row += Threads)
        {
            int at = start + (token0 + row) * 3 * shape.C;
            for (int quad = Group.IdxX; quad < quads; quad += Threads)
            {
                F4 v = default;
                if (token0 + row < shape.T)
                {
                    if (shape.Vector != 0)
                        v = qkv4[(at >> 2) + quad];
                    else
                        v = LoadQuad(qkv, at, 4 * quad, shape.D);
                }
                tile[row * stride + quad] = F4.Scale(scale, v);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 LoadQuad(View qkv, int at, int d, int D)
    {
        F4 v = default;
        v.X = qkv[at + d];
        if (d + 1 < D)
            v.Y = qkv[at + d + 1];
        if (d + 2 < D)
            v.Z = qkv[at + d + 2];
        if (d + 3 < D)
            v.W = qkv[at + d + 3];
        return v;
    }

    /// <summary>Row i: query ty + 8i; column j: key tx + 8j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 Scores(ArrayView<F4> queries, ArrayView<F4> keys, int stride, int quads)
    {
        int step = Threads * stride;
        Block4 s = default;
        for (int quad = 0; quad < quads; quad++)
        {
            // Views that start at this thread's elements: what remains are constant offsets, free in an address.
            var q = queries.SubView(Group.IdxY * stride + quad);
            var k = keys.SubView(Group.IdxX * stride + quad);
            F4 k0 = k[0], k1 = k[step], k2 = k[2 * step], k3 = k[3 * step];
            s.R0 = Dots(s.R0, q[0], k0, k1, k2, k3);
            s.R1 = Dots(s.R1, q[step], k0, k1, k2, k3);
            s.R2 = Dots(s.R2, q[2 * step], k0, k1, k2, k3);
            s.R3 = Dots(s.R3, q[3 * step], k0, k1, k2, k3);
        }
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Dots(F4 s, F4 q, F4 k0, F4 k1, F4 k2, F4 k3)
        => F4.Of(F4.Dot(s.X, q, k0), F4.Dot(s.Y, q, k1), F4.Dot(s.Z, q, k2), F4.Dot(s.W, q, k3));

    /// <summary>Minus infinity for keys beyond the sequence and, with the causal mask, after the query. Key 0 stays, so no row is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 Mask(Block4 s, AttentionShape shape, int query0, int key0)
    {
        int key = key0 + Group.IdxX, query = query0 + Group.IdxY, last = shape.T - 1;
        bool causal = shape.Causal != 0;
        s.R0 = MaskRow(s.R0, key, causal ? XMath.Min(query, last) : last);
        s.R1 = MaskRow(s.R1, key, causal ? XMath.Min(query + Threads, last) : last);
        s.R2 = MaskRow(s.R2, key, causal ? XMath.Min(query + 2 * Threads, last) : last);
        s.R3 = MaskRow(s.R3, key, causal ? XMath.Min(query + 3 * Threads, last) : last);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 MaskRow(F4 s, int key, int last)
        => F4.Of(key <= last ? s.X : float.NegativeInfinity, key + Threads <= last ? s.Y : float.NegativeInfinity,
            key + 2 * Threads <= last ? s.Z : float.NegativeInfinity, key + 3 * Threads <= last ? s.W : float.NegativeInfinity);

    /// <summary>The largest score of each of the thread's four queries, over this tile and before. Contains one barrier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 RowMax(ArrayView<F4> rows, Block4 s, F4 before)
    {
        StoreRows(rows.Cast<float>(), F4.Of(Largest(s.R0), Largest(s.R1), Largest(s.R2), Largest(s.R3)));
        Local.Barrier();
        int at = Group.IdxY * (Threads / 4), step = Threads * Threads / 4;
        return F4.Of(XMath.Max(before.X, XMath.Max(Largest(rows[at]), Largest(rows[at + 1]))),
            XMath.Max(before.Y, XMath.Max(Largest(rows[at + step]), Largest(rows[at + step + 1]))),
            XMath.Max(before.Z, XMath.Max(Largest(rows[at + 2 * step]), Largest(rows[at + 2 * step + 1]))),
            XMath.Max(before.W, XMath.Max(Largest(rows[at + 3 * step]), Largest(rows[at + 3 * step + 1]))));
    }

    /// <summary>One value per query to its row of eight, the thread's place in it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRows(View rows, F4 values)
    {
        int at = Group.IdxY * Threads + Group.IdxX, step = Threads * Threads;
        rows[at] = values.X;
        rows[at + step] = values.Y;
        rows[at + 2 * step] = values.Z;
        rows[at + 3 * step] = values.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(F4 v) => XMath.Max(XMath.Max(v.X, v.Y), XMath.Max(v.Z, v.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float RowSum(F4 v) => (v.X + v.Y) + (v.Z + v.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 Exponentials(Block4 s, F4 max)
    {
        s.R0 = Exponential(s.R0, max.X);
        s.R1 = Exponential(s.R1, max.Y);
        s.R2 = Exponential(s.R2, max.Z);
        s.R3 = Exponential(s.R3, max.W);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Exponential(F4 s, float max)
        => F4.Of(XMath.Exp(s.X - max), XMath.Exp(s.Y - max), XMath.Exp(s.Z - max), XMath.Exp(s.W - max));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreProbabilities(View probabilities, Block4 p)
    {
        int at = Group.IdxY * 4 * ProbabilityStride + Group.IdxX, step = Threads * 4 * ProbabilityStride;
        StoreProbabilityRow(probabilities, at, p.R0);
        StoreProbabilityRow(probabilities, at + step, p.R1);
        StoreProbabilityRow(probabilities, at + 2 * step, p.R2);
        StoreProbabilityRow(probabilities, at + 3 * step, p.R3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreProbabilityRow(View probabilities, int at, F4 p)
    {
        probabilities[at] = p.X;
        probabilities[at + Threads] = p.Y;
        probabilities[at + 2 * Threads] = p.Z;
        probabilities[at + 3 * Threads] = p.W;
    }

    /// <summary>O = factor*O + P V for this tile, four keys at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static AttentionState AddValues<THead>(AttentionState state, F4 factor, ArrayView<F4> probabilities, ArrayView<F4> values, int stride)
        where THead : struct, IHeadWidth
    {
        state.O0 = Block4.ScaleRows(state.O0, factor);
        if (THead.Chunks > 1)
            state.O1 = Block4.ScaleRows(state.O1, factor);
        if (THead.Chunks > 2)
        {
            state.O2 = Block4.ScaleRows(state.O2, factor);
            state.O3 = Block4.ScaleRows(state.O3, factor);
        }
        const int step = Threads * ProbabilityStride;
        for (int four = 0; four < Tile / 4; four++)
        {
            var p = probabilities.SubView(Group.IdxY * ProbabilityStride + four);
            var v = values.SubView(4 * four * stride + Group.IdxX);
            F4 p0 = p[0], p1 = p[step], p2 = p[2 * step], p3 = p[3 * step];
            state = AddKey<THead>(state, F4.Of(p0.X, p1.X, p2.X, p3.X), v, 0);
            state = AddKey<THead>(state, F4.Of(p0.Y, p1.Y, p2.Y, p3.Y), v, stride);
            state = AddKey<THead>(state, F4.Of(p0.Z, p1.Z, p2.Z, p3.Z), v, 2 * stride);
            state = AddKey<THead>(state, F4.Of(p0.W, p1.W, p2.W, p3.W), v, 3 * stride);
        }
        return state;
    }

    // Columns beyond the head hold what was in shared memory before; they are computed along and never stored.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static AttentionState AddKey<THead>(AttentionState state, F4 p, ArrayView<F4> values, int at)
        where THead : struct, IHeadWidth
    {
        state.O0 = Block4.Outer(state.O0, p, values[at]);
        if (THead.Chunks > 1)
            state.O1 = Block4.Outer(state.O1, p, values[at + 8]);
        if (THead.Chunks > 2)
        {
            state.O2 = Block4.Outer(state.O2, p, values[at + 16]);
            state.O3 = Block4.Outer(state.O3, p, values[at + 24]);
        }
        return state;
    }

    /// <summary>Sums the threads' shares of every row's sum, normalises and stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<THead>(View y, ArrayView<F4> y4, View logSumExp, ArrayView<F4> rows, AttentionShape shape, AttentionState state, int b,
        int h, int query0, int quads)
        where THead : struct, IHeadWidth
    {
        StoreRows(rows.Cast<float>(), state.Sum);
        Local.Barrier();
        int at = Group.IdxY * (Threads / 4), step = Threads * Threads / 4;
        F4 sum = F4.Of(RowSum(F4.Add(rows[at], rows[at + 1])), RowSum(F4.Add(rows[at + step], rows[at + step + 1])),
            RowSum(F4.Add(rows[at + 2 * step], rows[at + 2 * step + 1])), RowSum(F4.Add(rows[at + 3 * step], rows[at + 3 * step + 1])));
        F4 inverse = F4.Of(1f / sum.X, 1f / sum.Y, 1f / sum.Z, 1f / sum.W);
        int query = query0 + Group.IdxY, row = b * shape.T + query;
        StoreBlock(y, y4, shape, state.O0, inverse, row, query, h, 0, quads);
        if (THead.Chunks > 1)
            StoreBlock(y, y4, shape, state.O1, inverse, row, query, h, 8, quads);
        if (THead.Chunks > 2)
        {
            StoreBlock(y, y4, shape, state.O2, inverse, row, query, h, 16, quads);
            StoreBlock(y, y4, shape, state.O3, inverse, row, query, h, 24, quads);
        }
        if (shape.Save != 0 && Group.IdxX == 0)
        {
            int save = (b * shape.H + h) * shape.T + query;
            if (query < shape.T)
                logSumExp[save] = state.Max.X + XMath.Log(sum.X);
            if (query + Threads < shape.T)
                logSumExp[save + Threads] = state.Max.Y + XMath.Log(sum.Y);
            if (query + 2 * Threads < shape.T)
                logSumExp[save + 2 * Threads] = state.Max.Z + XMath.Log(sum.Z);
            if (query + 3 * Threads < shape.T)
                logSumExp[save + 3 * Threads] = state.Max.W + XMath.Log(sum.W);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(View y, ArrayView<F4> y4, AttentionShape shape, Block4 o, F4 inverse, int row, int query, int h, int quad0, int quads)
    {
        int quad = quad0 + Group.IdxX;
        if (quad >= quads)
            return;
        StoreQuad(y, y4, shape, F4.Scale(inverse.X, o.R0), row, query, h, quad);
        StoreQuad(y, y4, shape, F4.Scale(inverse.Y, o.R1), row + Threads, query + Threads, h, quad);
        StoreQuad(y, y4, shape, F4.Scale(inverse.Z, o.R2), row + 2 * Threads, query + 2 * Threads, h, quad);
        StoreQuad(y, y4, shape, F4.Scale(inverse.W, o.R3), row + 3 * Threads, query + 3 * Threads, h, quad);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuad(View y, ArrayView<F4> y4, AttentionShape shape, F4 v, int row, int query, int h, int quad)
    {
        if (query >= shape.T)
            return;
        int at = row * shape.C + h * shape.D + 4 * quad, d = 4 * quad;
        if (shape.Vector != 0)
        {
            y4[at >> 2] = v;
            return;
        }
        y[at] = v.X;
        if (d + 1 < shape.D)
            y[at + 1] = v.Y;
        if (d + 2 < shape.D)
            y[at + 2] = v.Z;
        if (d + 3 < shape.D)
            y[at + 3] = v.W;
    }
}
