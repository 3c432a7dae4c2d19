using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Attention's forward on tensor cores: queries, keys, values and weights rounded to bf16 or fp16, scores, sums and the softmax in fp32. A group of four warps takes 64 queries of
/// one head, a warp 16 of them, and walks over tiles of 32 keys. The scores stay in registers, where a warp's sums have the layout that it needs of a left
/// factor: so they become the weights of the second product without leaving the thread. Rows in shared memory are swizzled against bank conflicts.
/// Source: FlashAttention-2, arXiv 2307.08691, algorithm 1.
/// </summary>
internal sealed class TensorAttention(IlgpuBackend backend)
{
    private const int Queries = TensorAttentionTile.Own, Keys = TensorAttentionTile.Other;

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View qkv, ArrayView<F4> qkv4, ArrayView<uint> qkv16, View y, ArrayView<uint> y16, View logSumExp, AttentionShape shape);

    // By width of heads, of floats and of halves.
    private readonly Launch?[] launchers = new Launch?[6];

    /// <summary>y = softmax(q k^T / sqrt D) v for every head of every sequence; the logarithms of the sums when the shape says so.</summary>
    public void Forward(Tensor y, Tensor qkv, View logSumExp, AttentionShape shape, int batch)
    {
        bool half = qkv.Type == ElementType.Half;
        int size = shape.D <= 32 ? 0 : shape.D <= 64 ? 1 : 2;
        Launch launch = launchers[size + (half ? 3 : 0)] ??= half ? Load<Halves>(size) : Load<Floats>(size);
        shape.Tiles = TileChoice.Tiles(Queries, shape.T);
        launch(backend.Stream, new KernelConfig(new Index2D(shape.Tiles * shape.H * batch, 1), new Index2D(TensorAttentionTile.Threads, 1)),
            qkv.View(backend), qkv.Quads(backend, shape.D, out _), qkv.Pairs(backend), y.View(backend), y.Pairs(backend), logSumExp, shape);
    }

    private Launch Load<TInput>(int size)
        where TInput : struct, IStorage
        => size switch
        {
            0 => Load<Head32, TInput>(),
            1 => Load<Head64, TInput>(),
            _ => Load<Head128, TInput>(),
        };

    private Launch Load<THead, TInput>()
        where THead : struct, IHeadWidth
        where TInput : struct, IStorage
        => backend.Load<Launch>(nameof(Attention), backend.MatrixPrecision == MatrixPrecision.Fp16 ? ForwardKernel<THead, Fp16, TInput> : ForwardKernel<THead, Bf16, TInput>);

    /// <summary>A value for each of the two queries whose sums a thread holds: rows g and g + 8 of its warp's 16.</summary>
    private struct Rows
    {
        public float First, Second;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Rows Of(float first, float second)
        {
            Rows rows;
            rows.First = first;
            rows.Second = second;
            return rows;
        }
    }

    // One group per tile of queries of every head of every sequence.
    [Kernel(typeof(Head32), typeof(Bf16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(Bf16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(Bf16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(Bf16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(Bf16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(Bf16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(Fp16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(Fp16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(Fp16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(Fp16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(Fp16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(Fp16), typeof(Halves), Hot = true, Tensor = true)]
    private static void ForwardKernel<THead, THalf, TInput>(View qkv, ArrayView<F4> qkv4, ArrayView<uint> qkv16, View y, ArrayView<uint> y16, View logSumExp, AttentionShape shape)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
        where TInput : struct, IStorage
    {
        int rowWords = 16 * THead.Chunks, keys = Queries * rowWords, values = keys + Keys * rowWords;
        var shared = SharedMemory.Allocate<uint>((Queries + 2 * Keys) * 16 * THead.Chunks);
        int head = Grid.IdxX / shape.Tiles, query0 = (Grid.IdxX - head * shape.Tiles) * Queries;
        int b = head / shape.H, h = head - b * shape.H, start = b * shape.T * 3 * shape.C + h * shape.D; // q of token 0
        int lane = Group.IdxX & 31, warpRow = Group.IdxX >> 5 << 4, query = query0 + warpRow + (lane >> 2);
        int keyEnd = shape.Causal != 0 ? XMath.Min(query0 + Queries, shape.T) : shape.T;
        Load<THead, THalf, TInput>(shared, 0, Queries, qkv, qkv4, qkv16, shape, start, 3 * shape.C, query0);
        HeadStrips o = default;
        Rows max = Rows.Of(float.NegativeInfinity, float.NegativeInfinity), sum = default;
        for (int key0 = 0; key0 < keyEnd; key0 += Keys)
        {
            Local.Barrier(); // nobody reads the tile before any more
            Load<THead, THalf, TInput>(shared, keys, Keys, qkv, qkv4, qkv16, shape, start + shape.C, 3 * shape.C, key0);
            Load<THead, THalf, TInput>(shared, values, Keys, qkv, qkv4, qkv16, shape, start + 2 * shape.C, 3 * shape.C, key0);
            Local.Barrier();
            Strip s = TensorAttentionTile.Product<THead, THalf>(shared, 0, warpRow, keys, lane);
            s = Mask(s, shape, query, key0 + 2 * (lane & 3));
            Rows next = Rows.Of(XMath.Max(max.First, LargestOfQuad(XMath.Max(XMath.Max(s.C0.X, s.C0.Y), XMath.Max(XMath.Max(s.C1.X, s.C1.Y), XMath.Max(XMath.Max(s.C2.X, s.C2.Y), XMath.Max(s.C3.X, s.C3.Y)))))),
                XMath.Max(max.Second, LargestOfQuad(XMath.Max(XMath.Max(s.C0.Z, s.C0.W), XMath.Max(XMath.Max(s.C1.Z, s.C1.W), XMath.Max(XMath.Max(s.C2.Z, s.C2.W), XMath.Max(s.C3.Z, s.C3.W)))))));
            Rows factor = Rows.Of(XMath.Exp(max.First - next.First), XMath.Exp(max.Second - next.Second));
            max = next;
            s.C0 = Exponential(s.C0, max);
            s.C1 = Exponential(s.C1, max);
            s.C2 = Exponential(s.C2, max);
            s.C3 = Exponential(s.C3, max);
            sum = Rows.Of(sum.First * factor.First + ((s.C0.X + s.C0.Y) + (s.C1.X + s.C1.Y)) + ((s.C2.X + s.C2.Y) + (s.C3.X + s.C3.Y)),
                sum.Second * factor.Second + ((s.C0.Z + s.C0.W) + (s.C1.Z + s.C1.W)) + ((s.C2.Z + s.C2.W) + (s.C3.Z + s.C3.W)));
            U4 left = Strip.Round<THalf>(s.C0, s.C1), right = Strip.Round<THalf>(s.C2, s.C3);
            o = TensorAttentionTile.AddProduct<THead, THalf>(Rescale<THead>(o, factor), left, right, shared, values, lane);
        }
        sum = Rows.Of(SumOfQuad(sum.First), SumOfQuad(sum.Second));
        if (shape.Save != 0 && (lane & 3) == 0)
        {
            if (query < shape.T)
                logSumExp[head * shape.T + query] = max.First + XMath.Log(sum.First);
            if (query + 8 < shape.T)
                logSumExp[head * shape.T + query + 8] = max.Second + XMath.Log(sum.Second);
        }
        Rows inverse = Rows.Of(1f / sum.First, 1f / sum.Second);
        if (TInput.IsHalf)
            TensorAttentionTile.StoreHalves<THead, THalf>(y16, shape, Rescale<THead>(o, inverse), b * shape.T * shape.C + h * shape.D, query, lane);
        else
            TensorAttentionTile.Store<THead>(y, shape, Rescale<THead>(o, inverse), b * shape.T * shape.C + h * shape.D, shape.C, query, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<THead, THalf, TInput>(ArrayView<uint> shared, int first, int rows, View x, ArrayView<F4> x4, ArrayView<uint> x16, AttentionShape shape, int start, int rowLength, int token0)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
        where TInput : struct, IStorage
    {
        if (TInput.IsHalf)
            TensorAttentionTile.LoadHalves<THead>(shared, first, rows, x16, shape, start, rowLength, token0);
        else
            TensorAttentionTile.Load<THead, THalf>(shared, first, rows, x, x4, shape, start, rowLength, token0);
    }

    /// <summary>Scales the scores; minus infinity for keys beyond the sequence and, with the causal mask, after the query. Key 0 stays, so no row is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Strip Mask(Strip s, AttentionShape shape, int query, int key)
    {
        int last = shape.T - 1;
        bool causal = shape.Causal != 0;
        int first = causal ? XMath.Min(query, last) : last, second = causal ? XMath.Min(query + 8, last) : last;
        s.C0 = MaskFragment(s.C0, shape.Scale, key, first, second);
        s.C1 = MaskFragment(s.C1, shape.Scale, key + 8, first, second);
        s.C2 = MaskFragment(s.C2, shape.Scale, key + 16, first, second);
        s.C3 = MaskFragment(s.C3, shape.Scale, key + 24, first, second);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 MaskFragment(F4 s, float scale, int key, int first, int second) => F4.Of(
        key <= first ? s.X * scale : float.NegativeInfinity, key + 1 <= first ? s.Y * scale : float.NegativeInfinity,
        key <= second ? s.Z * scale : float.NegativeInfinity, key + 1 <= second ? s.W * scale : float.NegativeInfinity);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Exponential(F4 s, Rows max) => F4.Of(XMath.Exp(s.X - max.First), XMath.Exp(s.Y - max.First), XMath.Exp(s.Z - max.Second), XMath.Exp(s.W - max.Second));

    // The four threads of a quad hold the columns of the same two rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float LargestOfQuad(float value)
    {
        value = XMath.Max(value, Warp.ShuffleXor(value, 1));
        return XMath.Max(value, Warp.ShuffleXor(value, 2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumOfQuad(float value)
    {
        value += Warp.ShuffleXor(value, 1);
        return value + Warp.ShuffleXor(value, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static HeadStrips Rescale<THead>(HeadStrips o, Rows factor)
        where THead : struct, IHeadWidth
    {
        o.S0 = Scaled(o.S0, factor);
        if (THead.Chunks > 1)
            o.S1 = Scaled(o.S1, factor);
        if (THead.Chunks > 2)
        {
            o.S2 = Scaled(o.S2, factor);
            o.S3 = Scaled(o.S3, factor);
        }
        return o;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Strip Scaled(Strip s, Rows factor)
    {
        s.C0 = Scaled(s.C0, factor);
        s.C1 = Scaled(s.C1, factor);
        s.C2 = Scaled(s.C2, factor);
        s.C3 = Scaled(s.C3, factor);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Scaled(F4 o, Rows factor) => F4.Of(o.X * factor.First, o.Y * factor.First, o.Z * factor.Second, o.W * factor.Second);
}
