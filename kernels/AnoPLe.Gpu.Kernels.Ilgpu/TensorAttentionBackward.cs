using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Attention's backward on tensor cores, the walk of <see cref="Attention"/>'s: the groups that own keys sum dK and dV, those that own queries dQ, each recomputing the weights, so
/// that nothing is added by two groups. All factors are rounded to 16 bits, weights and score gradients included; exponentials and sums are fp32. Scores come out as
/// the forward's, so the saved sums fit them.
/// Source: FlashAttention-2, arXiv 2307.08691, algorithm 2, without its atomic additions.
/// </summary>
internal sealed class TensorAttentionBackward(IlgpuBackend backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4, View logSumExp, View delta, View dqkv,
        AttentionShape shape);

    private Launch? keys32, keys64, keys128, queries32, queries64, queries128;

    /// <summary>dq, dk and dv of every head of every sequence; delta: dy . y of each.</summary>
    public void BackwardInput(View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4, View logSumExp, View delta, View dqkv, AttentionShape shape, int batch)
    {
        shape.Tiles = TileChoice.Tiles(TensorAttentionTile.Own, shape.T);
        KernelConfig config = new(new Index2D(shape.Tiles * shape.H * batch, 1), new Index2D(TensorAttentionTile.Threads, 1));
        KeysLauncher(shape.D)(backend.Stream, config, qkv, qkv4, dy, dy4, logSumExp, delta, dqkv, shape);
        QueriesLauncher(shape.D)(backend.Stream, config, qkv, qkv4, dy, dy4, logSumExp, delta, dqkv, shape);
    }

    private Launch KeysLauncher(int D) => D switch
    {
        <= 32 => keys32 ??= Load<Head32, KeySide>(),
        <= 64 => keys64 ??= Load<Head64, KeySide>(),
        _ => keys128 ??= Load<Head128, KeySide>(),
    };

    private Launch QueriesLauncher(int D) => D switch
    {
        <= 32 => queries32 ??= Load<Head32, QuerySide>(),
        <= 64 => queries64 ??= Load<Head64, QuerySide>(),
        _ => queries128 ??= Load<Head128, QuerySide>(),
    };

    private Launch Load<THead, TSide>()
        where THead : struct, IHeadWidth
        where TSide : struct, IAttentionSide
        => backend.Load<Launch>(nameof(Attention), backend.MatrixPrecision == MatrixPrecision.Fp16 ? BackwardInputKernel<THead, TSide, Fp16> : BackwardInputKernel<THead, TSide, Bf16>);

    // One group per tile of keys (or queries) of every head of every sequence. "first" is k or q, "second" v or dy of the own rows; of the others q or k, and dy or v.
    [Kernel(typeof(Head32), typeof(KeySide), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(KeySide), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(KeySide), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(QuerySide), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(QuerySide), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(QuerySide), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(KeySide), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(KeySide), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(KeySide), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(QuerySide), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(QuerySide), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(QuerySide), typeof(Fp16), Hot = true, Tensor = true)]
    private static void BackwardInputKernel<THead, TSide, THalf>(View qkv, ArrayView<F4> qkv4, View dy, ArrayView<F4> dy4, View logSumExp, View delta, View dqkv, AttentionShape shape)
        where THead : struct, IHeadWidth
        where TSide : struct, IAttentionSide
        where THalf : struct, IHalf
    {
        int rowWords = 16 * THead.Chunks, ownSecond = TensorAttentionTile.Own * rowWords, first = 2 * ownSecond, second = first + TensorAttentionTile.Other * rowWords;
        var shared = SharedMemory.Allocate<uint>(2 * (TensorAttentionTile.Own + TensorAttentionTile.Other) * 16 * THead.Chunks);
        int head = Grid.IdxX / shape.Tiles, own0 = (Grid.IdxX - head * shape.Tiles) * TensorAttentionTile.Own, saved = head * shape.T;
        int b = head / shape.H, h = head - b * shape.H, start = b * shape.T * 3 * shape.C + h * shape.D, startDy = b * shape.T * shape.C + h * shape.D; // q and dy of token 0
        int lane = Group.IdxX & 31, warpRow = Group.IdxX >> 5 << 4, own = own0 + warpRow + (lane >> 2), ld = 3 * shape.C;
        // With the causal mask, keys are seen by the queries from their own on, and queries see the keys up to their own.
        int other0 = TSide.OfKeys && shape.Causal != 0 ? own0 : 0, end = !TSide.OfKeys && shape.Causal != 0 ? XMath.Min(own0 + TensorAttentionTile.Own, shape.T) : shape.T;

        TensorAttentionTile.Load<THead, THalf>(shared, 0, TensorAttentionTile.Own, qkv, qkv4, shape, TSide.OfKeys ? start + shape.C : start, ld, own0);
        if (TSide.OfKeys)
            TensorAttentionTile.Load<THead, THalf>(shared, ownSecond, TensorAttentionTile.Own, qkv, qkv4, shape, start + 2 * shape.C, ld, own0);
        else
            TensorAttentionTile.Load<THead, THalf>(shared, ownSecond, TensorAttentionTile.Own, dy, dy4, shape, startDy, shape.C, own0);
        HeadStrips dFirst = default, dSecond = default;
        for (; other0 < end; other0 += TensorAttentionTile.Other)
        {
            Local.Barrier(); // nobody reads the tile before any more
            TensorAttentionTile.Load<THead, THalf>(shared, first, TensorAttentionTile.Other, qkv, qkv4, shape, TSide.OfKeys ? start : start + shape.C, ld, other0);
            if (TSide.OfKeys)
                TensorAttentionTile.Load<THead, THalf>(shared, second, TensorAttentionTile.Other, dy, dy4, shape, startDy, shape.C, other0);
            else
                TensorAttentionTile.Load<THead, THalf>(shared, second, TensorAttentionTile.Other, qkv, qkv4, shape, start + 2 * shape.C, ld, other0);
            Local.Barrier();
            Strip p = TensorAttentionTile.Product<THead, THalf>(shared, 0, warpRow, first, lane), ds = TensorAttentionTile.Product<THead, THalf>(shared, ownSecond, warpRow, second, lane);
            int other = other0 + 2 * (lane & 3);
            p.C0 = Weights<TSide>(p.C0, logSumExp, saved, shape, own, other);
            p.C1 = Weights<TSide>(p.C1, logSumExp, saved, shape, own, other + 8);
            p.C2 = Weights<TSide>(p.C2, logSumExp, saved, shape, own, other + 16);
            p.C3 = Weights<TSide>(p.C3, logSumExp, saved, shape, own, other + 24);
            ds.C0 = ScoreGradients<TSide>(p.C0, ds.C0, delta, saved, shape, own, other);
            ds.C1 = ScoreGradients<TSide>(p.C1, ds.C1, delta, saved, shape, own, other + 8);
            ds.C2 = ScoreGradients<TSide>(p.C2, ds.C2, delta, saved, shape, own, other + 16);
            ds.C3 = ScoreGradients<TSide>(p.C3, ds.C3, delta, saved, shape, own, other + 24);
            if (TSide.OfKeys)
                dSecond = TensorAttentionTile.AddProduct<THead, THalf>(dSecond, Strip.Round<THalf>(p.C0, p.C1), Strip.Round<THalf>(p.C2, p.C3), shared, second, lane);
            dFirst = TensorAttentionTile.AddProduct<THead, THalf>(dFirst, Strip.Round<THalf>(ds.C0, ds.C1), Strip.Round<THalf>(ds.C2, ds.C3), shared, first, lane);
        }
        TensorAttentionTile.Store<THead>(dqkv, shape, dFirst, TSide.OfKeys ? start + shape.C : start, ld, own, lane);
        if (TSide.OfKeys)
            TensorAttentionTile.Store<THead>(dqkv, shape, dSecond, start + 2 * shape.C, ld, own, lane);
    }

    /// <summary>P = exp(S - logSumExp) of a fragment, zero where a query does not see a key. A thread has columns other, other + 1 of rows own (X, Y) and own + 8 (Z, W).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Weights<TSide>(F4 s, View logSumExp, int saved, AttentionShape shape, int own, int other)
        where TSide : struct, IAttentionSide
    {
        F4 sums = OfQueries<TSide>(logSumExp, saved, shape.T, own, other);
        return F4.Of(Weight<TSide>(s.X * shape.Scale - sums.X, shape, own, other), Weight<TSide>(s.Y * shape.Scale - sums.Y, shape, own, other + 1),
            Weight<TSide>(s.Z * shape.Scale - sums.Z, shape, own + 8, other), Weight<TSide>(s.W * shape.Scale - sums.W, shape, own + 8, other + 1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Weight<TSide>(float exponent, AttentionShape shape, int own, int other)
        where TSide : struct, IAttentionSide
    {
        int key = TSide.OfKeys ? own : other, query = TSide.OfKeys ? other : own, last = shape.Causal != 0 ? query : shape.T - 1;
        return query < shape.T && key < shape.T && key <= last ? XMath.Exp(exponent) : 0f;
    }

    /// <summary>dS = P (dA - delta) / sqrt D of a fragment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 ScoreGradients<TSide>(F4 p, F4 da, View delta, int saved, AttentionShape shape, int own, int other)
        where TSide : struct, IAttentionSide
    {
        F4 sums = OfQueries<TSide>(delta, saved, shape.T, own, other);
        return F4.Of(p.X * (da.X - sums.X) * shape.Scale, p.Y * (da.Y - sums.Y) * shape.Scale, p.Z * (da.Z - sums.Z) * shape.Scale, p.W * (da.W - sums.W) * shape.Scale);
    }

    /// <summary>A value of each element's query, zero beyond the sequence.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 OfQueries<TSide>(View values, int saved, int T, int own, int other)
        where TSide : struct, IAttentionSide
    {
        int query = TSide.OfKeys ? other : own, next = TSide.OfKeys ? other + 1 : own + 8;
        float first = query < T ? values[saved + query] : 0f, second = next < T ? values[saved + next] : 0f;
        return TSide.OfKeys ? F4.Of(first, second, first, second) : F4.Of(first, first, second, second);
    }
}
