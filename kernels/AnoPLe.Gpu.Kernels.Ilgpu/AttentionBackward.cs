using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Whose gradients a group computes: those of its 32 keys, walking over queries, or of its 32 queries, walking over keys.</summary>
internal interface IAttentionSide
{
    static abstract bool OfKeys { get; }
}

/// <summary>dK = dS^T Q and dV = P^T dO.</summary>
internal struct KeySide : IAttentionSide
{
    public static bool OfKeys => true;
}

/// <summary>dQ = dS K.</summary>
internal struct QuerySide : IAttentionSide
{
    public static bool OfKeys => false;
}

/// <summary>
/// The backward pass, as in arXiv 2307.08691 but without atomics: dK and dV are summed by the group that owns the keys, dQ by the one that
/// owns the queries, each recomputing the weights. Both are one walk. The group's own 32 rows come by in pieces of 32 channels (k and v;
/// or q and dy), the tiles it walks over lie in shared memory whole, because they are needed twice: for the scores and for the gradient.
/// The pieces' place is then taken by the weights P and the score gradients dS.
/// </summary>
internal sealed partial class Attention
{
    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4,
        View logSumExp, View delta, View dqkv, ArrayView<F4> dqkv4, AttentionShape shape);

    private delegate void LaunchDelta(AcceleratorStream stream, KernelConfig config, View dy, ArrayView<F4> dy4, View y, ArrayView<F4> y4, View delta,
        AttentionShape shape);

    private LaunchDelta? delta;
    private LaunchBackward? keys32, keys64, keys128, queries32, queries64, queries128;
    private MemoryBuffer1D<float, Stride1D.Dense>? deltas;

    protected override void BackwardInputCore(Tensor dqkv, Tensor dy, Tensor qkv, Tensor y, Tensor logSumExp, int heads, bool causal)
    {
        int B = qkv.Shape[0], T = qkv.Shape[1], C = qkv.Width / 3, D = C / heads;
        AttentionTile.RequireWidth(D);
        var dqkv4 = dqkv.Quads(backend, D, out bool vectorOut);
        var dy4 = dy.Quads(backend, D, out bool vectorDy);
        var qkv4 = qkv.Quads(backend, D, out bool vectorIn);
        var y4 = y.Quads(backend, D, out bool vectorY);
        var shape = AttentionTile.Shape(T, C, heads, causal, vectorOut && vectorDy && vectorIn && vectorY);
        var rowSums = backend.Scratch(ref deltas, "attention row sums", B * heads * T);
        delta ??= backend.Load<LaunchDelta>(nameof(Attention), DeltaKernel);
        delta(backend.Stream, ((B * heads * T + RowGroup.Threads - 1) / RowGroup.Threads, RowGroup.Threads), dy.View(backend), dy4, y.View(backend), y4,
            rowSums, shape);
        if (tensorBackward is not null)
        {
            tensorBackward.BackwardInput(qkv.View(backend), qkv4, dy.View(backend), dy4, logSumExp.View(backend), rowSums, dqkv.View(backend), shape, B);
            return;
        }
        var config = new KernelConfig(new Index2D(shape.Tiles * heads * B, 1), new Index2D(Threads, Threads));
        KeysLauncher(D)(backend.Stream, config, qkv.View(backend), qkv4, dy.View(backend), dy4, logSumExp.View(backend), rowSums, dqkv.View(backend), dqkv4,
            shape);
        QueriesLauncher(D)(backend.Stream, config, qkv.View(backend), qkv4, dy.View(backend), dy4, logSumExp.View(backend), rowSums, dqkv.View(backend),
            dqkv4, shape);
    }

    private LaunchBackward KeysLauncher(int D) => D switch
    {
        <= 32 => keys32 ??= backend.Load<LaunchBackward>(nameof(Attention), BackwardInputKernel<Head32, KeySide>),
        <= 64 => keys64 ??= backend.Load<LaunchBackward>(nameof(Attention), BackwardInputKernel<Head64, KeySide>),
        _ => keys128 ??= backend.Load<LaunchBackward>(nameof(Attention), BackwardInputKernel<Head128, KeySide>),
    };

    private LaunchBackward QueriesLauncher(int D) => D switch
    {
        <= 32 => queries32 ??= backend.Load<LaunchBackward>(nameof(Attention), BackwardInputKernel<Head32, QuerySide>),
        <= 64 => queries64 ??= backend.Load<LaunchBackward>(nameof(Attention), BackwardInputKernel<Head64, QuerySide>),
        _ => queries128 ??= backend.Load<LaunchBackward>(nameof(Attention), BackwardInputKernel<Head128, QuerySide>),
    };

    // delta[b, h, t] = dy . y of a head = rowsum(dA * A). One thread each.
    [Kernel]
    private static void DeltaKernel(View dy, ArrayView<F4> dy4, View y, ArrayView<F4> y4, View delta, AttentionShape shape)
    {
        int row = Grid.IdxX * RowGroup.Threads + Group.IdxX;
        if (row >= delta.IntLength)
            return;
        int head = row / shape.T, t = row - head * shape.T, b = head / shape.H, h = head - b * shape.H;
        int at = (b * shape.T + t) * shape.C + h * shape.D;
        float sum = 0f;
        if (shape.Vector != 0)
        {
            for (int quad = 0; quad < shape.D / 4; quad++)
                sum = F4.Dot(sum, dy4[(at >> 2) + quad], y4[(at >> 2) + quad]);
        }
        else
        {
            for (int d = 0; d < shape.D; d++)
                sum += dy[at + d] * y[at + d];
        }
        delta[row] = sum;
    }

    // One group per tile of keys (or queries) of every head of every sequence.
    [Kernel(typeof(Head32), typeof(KeySide), Hot = true)]
    [Kernel(typeof(Head64), typeof(KeySide), Hot = true)]
    [Kernel(typeof(Head128), typeof(KeySide), Hot = true)]
    [Kernel(typeof(Head32), typeof(QuerySide), Hot = true)]
    [Kernel(typeof(Head64), typeof(QuerySide), Hot = true)]
    [Kernel(typeof(Head128), typeof(QuerySide), Hot = true)]
    private static void BackwardInputKernel<THead, TSide>(View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4, View logSumExp, View delta, View dqkv,
        ArrayView<F4> dqkv4, AttentionShape shape)
        where THead : struct, IHeadWidth
        where TSide : struct, IAttentionSide
    {
        // Rows of 32*Chunks + 4 floats, as in the forward kernel. "first" holds q or k, "second" dy or v of the tile that passes by.
        int stride = 8 * THead.Chunks + 1, quads = (shape.D + 3) / 4;
        var first = SharedMemory.Allocate<F4>(Tile * (2 * (8 * THead.Chunks + 1) + 2 * AttentionTile.WeightStride));
        var second = first.SubView(Tile * stride);
        var weights = first.SubView(2 * Tile * stride);
        var gradients = first.SubView(Tile * (2 * stride + AttentionTile.WeightStride));

        int head = Grid.IdxX / shape.Tiles, own0 = (Grid.IdxX - head * shape.Tiles) * Tile;
        int b = head / shape.H, h = head - b * shape.H, saved = head * shape.T;
        int start = b * shape.T * 3 * shape.C + h * shape.D, startDy = b * shape.T * shape.C + h * shape.D;      // q and dy of token 0
        // With the causal mask, keys are seen by the queries from their own on, and queries see the keys up to their own.
        int tile = TSide.OfKeys && shape.Causal != 0 ? own0 / Tile : 0, tiles = !TSide.OfKeys && shape.Causal != 0 ? own0 / Tile + 1 : shape.Tiles;

        HeadRows dFirst = default, dSecond = default;
        for (; tile < tiles; tile++)
        {
            int other0 = tile * Tile, query = TSide.OfKeys ? other0 + Group.IdxX : own0 + Group.IdxY;
            LoadOther<TSide>(first, second, stride, qkv, qkv4, dy, dy4, shape, start, startDy, other0, quads);
            Block4 s = default, da = default;
            for (int quad = 0; quad < quads; quad += 8)
            {
                int end = XMath.Min(quads, quad + 8);
                LoadOwn<TSide>(weights, gradients, qkv, qkv4, dy, dy4, shape, start, startDy, own0, quad, end);
                Local.Barrier();
                s = AttentionTile.Scores(s, weights, AttentionTile.WeightStride, first.SubView(quad), stride, end - quad);
                da = AttentionTile.Scores(da, gradients, AttentionTile.WeightStride, second.SubView(quad), stride, end - quad);
                Local.Barrier();
            }
            s = Weights<TSide>(s, OfQueries(logSumExp, saved, query, shape.T), shape, own0 + Group.IdxY, other0 + Group.IdxX);
            da = ScoreGradients<TSide>(s, da, OfQueries(delta, saved, query, shape.T));
            if (TSide.OfKeys)
                AttentionTile.StoreWeights(weights.Cast<float>(), s);
            AttentionTile.StoreWeights(gradients.Cast<float>(), da);
            Local.Barrier();
            if (TSide.OfKeys)
                dSecond = AttentionTile.AddProduct<THead>(dSecond, weights, second, stride);
            dFirst = AttentionTile.AddProduct<THead>(dFirst, gradients, first, stride);
            Local.Barrier();
        }
        int own = own0 + Group.IdxY;
        AttentionTile.Store<THead>(dqkv, dqkv4, shape, dFirst, TSide.OfKeys ? start + shape.C : start, 3 * shape.C, own, quads);
        if (TSide.OfKeys)
            AttentionTile.Store<THead>(dqkv, dqkv4, shape, dSecond, start + 2 * shape.C, 3 * shape.C, own, quads);
    }

    /// <summary>
    /// The tile that passes by: q and dy, or k and v. The scale goes into the first, which makes both the scores and the gradients of the
    /// own rows right: the latter are sums of dS times this tile.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadOther<TSide>(ArrayView<F4> first, ArrayView<F4> second, int stride, View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4,
        AttentionShape shape, int start, int startDy, int other0, int quads)
        where TSide : struct, IAttentionSide
    {
        if (TSide.OfKeys)
        {
            AttentionTile.Load(first, stride, qkv, qkv4, shape, start, 3 * shape.C, other0, 0, quads, shape.Scale);
            AttentionTile.Load(second, stride, dy, dy4, shape, startDy, shape.C, other0, 0, quads, 1f);
        }
        else
        {
            AttentionTile.Load(first, stride, qkv, qkv4, shape, start + shape.C, 3 * shape.C, other0, 0, quads, shape.Scale);
            AttentionTile.Load(second, stride, qkv, qkv4, shape, start + 2 * shape.C, 3 * shape.C, other0, 0, quads, 1f);
        }
    }

    /// <summary>Quads quad to end - 1 of the own rows: k and v, or q and dy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadOwn<TSide>(ArrayView<F4> first, ArrayView<F4> second, View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4,
        AttentionShape shape, int start, int startDy, int own0, int quad, int end)
        where TSide : struct, IAttentionSide
    {
        if (TSide.OfKeys)
        {
            AttentionTile.Load(first, AttentionTile.WeightStride, qkv, qkv4, shape, start + shape.C, 3 * shape.C, own0, quad, end, 1f);
            AttentionTile.Load(second, AttentionTile.WeightStride, qkv, qkv4, shape, start + 2 * shape.C, 3 * shape.C, own0, quad, end, 1f);
        }
        else
        {
            AttentionTile.Load(first, AttentionTile.WeightStride, qkv, qkv4, shape, start, 3 * shape.C, own0, quad, end, 1f);
            AttentionTile.Load(second, AttentionTile.WeightStride, dy, dy4, shape, startDy, shape.C, own0, quad, end, 1f);
        }
    }

    /// <summary>A value of each of the thread's four queries, zero beyond the sequence.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 OfQueries(View values, int start, int query, int T)
    {
        F4 v = default;
        if (query < T)
            v.X = values[start + query];
        if (query + Threads < T)
            v.Y = values[start + query + Threads];
        if (query + 2 * Threads < T)
            v.Z = values[start + query + 2 * Threads];
        if (query + 3 * Threads < T)
            v.W = values[start + query + 3 * Threads];
        return v;
    }

    /// <summary>P = exp(S - logSumExp), zero where a query does not see a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 Weights<TSide>(Block4 s, F4 logSumExp, AttentionShape shape, int own, int other)
        where TSide : struct, IAttentionSide
    {
        s.R0 = WeightRow<TSide>(s.R0, AlongRow<TSide>(logSumExp, logSumExp.X), shape, own, other);
        s.R1 = WeightRow<TSide>(s.R1, AlongRow<TSide>(logSumExp, logSumExp.Y), shape, own + Threads, other);
        s.R2 = WeightRow<TSide>(s.R2, AlongRow<TSide>(logSumExp, logSumExp.Z), shape, own + 2 * Threads, other);
        s.R3 = WeightRow<TSide>(s.R3, AlongRow<TSide>(logSumExp, logSumExp.W), shape, own + 3 * Threads, other);
        return s;
    }

    /// <summary>What belongs to the queries of one row of a block: queries run along it, or it is one query's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 AlongRow<TSide>(F4 ofQueries, float ofRow)
        where TSide : struct, IAttentionSide
        => TSide.OfKeys ? ofQueries : F4.Of(ofRow, ofRow, ofRow, ofRow);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 WeightRow<TSide>(F4 s, F4 logSumExp, AttentionShape shape, int own, int other)
        where TSide : struct, IAttentionSide
        => F4.Of(Weight<TSide>(s.X - logSumExp.X, shape, own, other), Weight<TSide>(s.Y - logSumExp.Y, shape, own, other + Threads),
            Weight<TSide>(s.Z - logSumExp.Z, shape, own, other + 2 * Threads), Weight<TSide>(s.W - logSumExp.W, shape, own, other + 3 * Threads));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Weight<TSide>(float exponent, AttentionShape shape, int own, int other)
        where TSide : struct, IAttentionSide
    {
        int key = TSide.OfKeys ? own : other, query = TSide.OfKeys ? other : own;
        int last = shape.Causal != 0 ? query : shape.T - 1;
        return query < shape.T && key < shape.T && key <= last ? XMath.Exp(exponent) : 0f;
    }

    /// <summary>dS = P * (dA - delta); the scale is in what it is multiplied with.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 ScoreGradients<TSide>(Block4 p, Block4 da, F4 delta)
        where TSide : struct, IAttentionSide
    {
        da.R0 = GradientRow(p.R0, da.R0, AlongRow<TSide>(delta, delta.X));
        da.R1 = GradientRow(p.R1, da.R1, AlongRow<TSide>(delta, delta.Y));
        da.R2 = GradientRow(p.R2, da.R2, AlongRow<TSide>(delta, delta.Z));
        da.R3 = GradientRow(p.R3, da.R3, AlongRow<TSide>(delta, delta.W));
        return da;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 GradientRow(F4 p, F4 da, F4 delta)
        => F4.Of(p.X * (da.X - delta.X), p.Y * (da.Y - delta.Y), p.Z * (da.Z - delta.Z), p.W * (da.W - delta.W));
}
